#include "fabro/workflow/graph/parser.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace fabro::workflow {
namespace {

Graph MustParse(std::string_view text) {
  auto graph = Parse(text);
  EXPECT_TRUE(graph.has_value()) << graph.error().message;
  return graph ? *std::move(graph) : Graph{};
}

const Node& NodeOf(const Graph& graph, std::string_view id) {
  for (const Node& node : graph.nodes) {
    if (node.id == id) return node;
  }
  ADD_FAILURE() << "no node " << id;
  return graph.nodes.front();
}

std::string Repeat(std::string_view text, std::size_t times) {
  std::string all;
  all.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

TEST(ParserTest, KeepsNodesEdgesAndPlacesInFileOrder) {
  const Graph graph = MustParse(
      "digraph G {\n"
      "  graph [goal=\"g\"]\n"
      "  start -> a -> exit [weight=2]\n"
      "  a [label=\"A\", max_visits=3; timeout=5m\n class=x]\n"
      "}\n");

  EXPECT_EQ(graph.name, "G");
  EXPECT_EQ(graph.attributes.Text("goal"), "g");
  ASSERT_EQ(graph.nodes.size(), 3U);
  EXPECT_EQ(graph.nodes[0].kind, NodeKind::kStart);
  EXPECT_TRUE(graph.nodes[0].implicit);
  EXPECT_FALSE(graph.nodes[1].implicit);
  EXPECT_EQ(graph.nodes[1].at, (Position{4, 3}));
  EXPECT_EQ(graph.nodes[1].attributes.Find("timeout")->type, ValueType::kDuration);
  EXPECT_EQ(graph.nodes[1].attributes.Find("timeout")->at, (Position{4, 39}));
  ASSERT_EQ(graph.edges.size(), 2U);
  EXPECT_EQ(graph.edges[0].attributes.Text("weight"), "2");
  EXPECT_EQ(graph.edges[1].from, "a");
  EXPECT_EQ(graph.edges[1].at, (Position{3, 17}));
}

TEST(ParserTest, ClassifiesUnquotedValuesInTheOrderOfTheLanguage) {
  const Graph graph = MustParse(
      "digraph G { a [s=\"x\" i=-12 f=.5 f2=-1.25 b=true d=250ms d2=-1h w=claude-sonnet-4.5 "
      "w2=summary:high w3=truely] }");
  const Attributes& attributes = graph.nodes[0].attributes;
  const std::vector<std::pair<std::string, ValueType>> expected = {
      {"s", ValueType::kString},    {"i", ValueType::kInteger},  {"f", ValueType::kFloat},
      {"f2", ValueType::kFloat},    {"b", ValueType::kBoolean},  {"d", ValueType::kDuration},
      {"d2", ValueType::kDuration}, {"w", ValueType::kBareword}, {"w2", ValueType::kBareword},
      {"w3", ValueType::kBareword}};
  ASSERT_EQ(attributes.items.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(attributes.items[i].key, expected[i].first);
    EXPECT_EQ(attributes.items[i].type, expected[i].second) << expected[i].first;
  }
}

TEST(ParserTest, StringsKeepUnknownEscapesAndJoinLines) {
  const Graph graph = MustParse(
      "digraph G { a [label=\"q\\\" b\\\\ n\\n t\\t d\\d j\\\noin\nraw // no /* comment */\"] }");
  EXPECT_EQ(graph.nodes[0].attributes.Text("label"),
            "q\" b\\ n\n t\t d\\d join\nraw // no /* comment */");
}

TEST(ParserTest, WindowsLineEndsAreLineEnds) {
  const Graph graph = MustParse("digraph G {\r\n a [script=\"x\r\ny\\\r\nz\"]\r\n b\r\n}\r\n");
  EXPECT_EQ(graph.nodes[0].attributes.Text("script"), "x\nyz");
  EXPECT_EQ(graph.nodes[1].at, (Position{5, 2}));
}

TEST(ParserTest, AByteOrderMarkIsSkipped) {
  EXPECT_EQ(MustParse("\xEF\xBB\xBF"
                      "digraph G {}")
                .at,
            (Position{1, 9}));
}

TEST(ParserTest, DefaultsReachNodesFirstMentionedAfterwardsInTheScope) {
  const Graph graph = MustParse(
      "digraph G { early node [shape=tab] edge [weight=1] late"
      " subgraph s { node [shape=diamond] inner -> later [weight=9] early }"
      " after -> late }");
  EXPECT_FALSE(NodeOf(graph, "early").attributes.Has("shape"));
  EXPECT_EQ(NodeOf(graph, "late").kind, NodeKind::kPrompt);
  EXPECT_EQ(NodeOf(graph, "inner").kind, NodeKind::kConditional);
  EXPECT_EQ(NodeOf(graph, "later").kind, NodeKind::kConditional);
  EXPECT_EQ(NodeOf(graph, "after").kind, NodeKind::kPrompt);
  EXPECT_EQ(graph.edges[0].attributes.Text("weight"), "9");
  EXPECT_EQ(graph.edges[1].attributes.Text("weight"), "1");
}

TEST(ParserTest, ADefaultShapeDoesNotTakeTheRoleOfStartAndExit) {
  const Graph graph = MustParse("digraph G { node [shape=tab] start -> End End [label=\"e\"] }");
  EXPECT_EQ(NodeOf(graph, "start").kind, NodeKind::kStart);
  EXPECT_EQ(NodeOf(graph, "End").kind, NodeKind::kExit);
  EXPECT_FALSE(NodeOf(graph, "start").attributes.Has("shape"));
}

TEST(ParserTest, DeclaringANodeAgainMergesItsAttributes) {
  const Graph graph = MustParse("digraph G { a [x=1 y=2] a [y=3 z=4] }");
  ASSERT_EQ(graph.nodes.size(), 1U);
  EXPECT_EQ(graph.nodes[0].attributes.Text("x"), "1");
  EXPECT_EQ(graph.nodes[0].attributes.Text("y"), "3");
  EXPECT_EQ(graph.nodes[0].attributes.Text("z"), "4");
}

TEST(ParserTest, LabelledSubgraphsGiveOneClassALevel) {
  const Graph graph = MustParse(
      "digraph G { label=\"Top\" outside"
      " subgraph cluster_a { a [class=\"x, y x\"] subgraph { graph [label=\"In (2)\"] b outside }"
      " label = \"Loop A\" c -> a } subgraph plain { d } }");
  EXPECT_EQ(graph.attributes.Text("label"), "Top");
  EXPECT_EQ(NodeOf(graph, "a").classes, (std::vector<std::string>{"x", "y", "loop-a"}));
  EXPECT_EQ(NodeOf(graph, "b").classes, (std::vector<std::string>{"in-2", "loop-a"}));
  EXPECT_EQ(NodeOf(graph, "b").subgraph_class, "in-2");
  EXPECT_EQ(NodeOf(graph, "c").classes, (std::vector<std::string>{"loop-a"}));
  EXPECT_EQ(NodeOf(graph, "outside").classes, (std::vector<std::string>{"in-2", "loop-a"}));
  EXPECT_TRUE(NodeOf(graph, "d").classes.empty());
}

TEST(ParserTest, ParallelAndSelfEdgesStay) {
  const Graph graph = MustParse("digraph G { a -> b; a -> b [label=x]; a -> a }");
  EXPECT_EQ(graph.edges.size(), 3U);
}

TEST(ParserTest, DottedAndRepeatedKeysAreOneAttribute) {
  const Graph graph = MustParse("digraph G { g [human.default_choice=a human.default_choice=b] }");
  ASSERT_EQ(graph.nodes[0].attributes.items.size(), 1U);
  EXPECT_EQ(graph.nodes[0].attributes.Text("human.default_choice"), "b");
}

struct Bad {
  std::string text;
  std::string message;  // A part of it.
  Position at;
};

TEST(ParserTest, RefusesWithPlaceAndReason) {
  const std::vector<Bad> table = {
      {"", "holds no graph", {1, 1}},
      {" // nothing\n", "holds no graph", {2, 1}},
      {"graph G { a -- b }", "undirected graph", {1, 1}},
      {"strict digraph G {}", "'strict'", {1, 1}},
      {"Digraph G {}", "'digraph' is expected here, not 'Digraph'", {1, 1}},
      {"digraph {}", "no name", {1, 9}},
      {"digraph \"G\" {}", "name of the graph may not be quoted", {1, 9}},
      {"digraph node {}", "keyword", {1, 9}},
      {"digraph G", "'{' is expected here, not the end", {1, 10}},
      {"digraph G {", "'}' is missing", {1, 12}},
      {"digraph G { a -> b", "'}' is missing", {1, 19}},
      {"digraph G {} digraph H {}", "one graph only", {1, 14}},
      {"digraph G {} x", "the end of the file is expected", {1, 14}},
      {"digraph G { a -- b }", "undirected edge", {1, 15}},
      {"digraph G { a:p -> b }", "ports", {1, 14}},
      {"digraph G { a -> b:n }", "ports", {1, 19}},
      {"digraph G { a [label=<b>] }", "HTML", {1, 22}},
      {"digraph G { \"a b\" }", "may not be quoted", {1, 13}},
      {"digraph G { a -> \"b\" }", "may not be quoted", {1, 18}},
      {"digraph G { 1a }", "start with a digit", {1, 13}},
      {"digraph G { a -> 7 }", "a node id is expected here, not '7'", {1, 18}},
      {"digraph G { my-node }", "'-' cannot stand", {1, 15}},
      {"digraph G { gr\xC3\xB6sse }", "cannot stand in a node id", {1, 15}},
      {"digraph G { a.b -> c }", "hold a dot", {1, 13}},
      {"digraph G { node -> b }", "keyword", {1, 13}},
      {"digraph G { a -> edge }", "keyword", {1, 18}},
      {"digraph G { a -> }", "a node id is expected", {1, 18}},
      {"digraph G { a -> {b c} }", "edge to a group", {1, 18}},
      {"digraph G { a -> subgraph s { b } }", "edge to a subgraph", {1, 18}},
      {"digraph G { { a } }", "without 'subgraph'", {1, 13}},
      {"digraph G { digraph H {} }", "inside a graph", {1, 13}},
      {"digraph G { a [x=1][y=2] }", "second attribute list", {1, 20}},
      {"digraph G { a [bold] }", "has no value", {1, 16}},
      {"digraph G { a [x=] }", "a value is missing", {1, 18}},
      {"digraph G { a [x=5mx] }", "not a value", {1, 18}},
      {"digraph G { a [x=a/b] }", "not a value", {1, 18}},
      {"digraph G { a [x=1,,y=2] }", "an attribute name or ']' is expected here, not ','", {1, 20}},
      {"digraph G { a [x=1", "']' is missing", {1, 19}},
      {"digraph G { a [\"x\"=1] }", "name may not be quoted", {1, 16}},
      {"digraph G { a [x=\"a\"+\"b\"] }", "'+'", {1, 21}},
      {"digraph G { a [x=\"abc] }\n", "string is not closed", {1, 18}},
      {"digraph G { a [x=\"abc\\", "string is not closed", {1, 18}},
      {"digraph G { /* a }", "comment is not closed", {1, 13}},
      {"digraph G {\n# note\n}", "'#'", {2, 1}},
      {std::string("digraph G {\n a\0 }", 16), "NUL", {2, 3}},
      {"digraph G { a\x1B }", "control character 0x1B", {1, 14}},
      {"digraph G { a [x=\"\xFF\"] }", "0xFF is not valid UTF-8", {1, 19}},
      {"digraph G { a [x=\"\xED\xA0\x80\"] }", "not valid UTF-8", {1, 19}},
      {"\xFF\xFE"
       "d",
       "UTF-16",
       {1, 1}},
      {"digraph G { ] }", "a statement or '}' is expected here, not ']'", {1, 13}},
      {"digraph G { graph = x }", "keyword", {1, 13}},
      {"digraph G { node shape=box }", "'[' is expected", {1, 18}},
      {"digraph G { " + std::string(300, 'a') + " }", "an id is longer", {1, 13}},
  };
  for (const Bad& bad : table) {
    const auto graph = Parse(bad.text);
    ASSERT_FALSE(graph.has_value()) << bad.text;
    EXPECT_NE(graph.error().message.find(bad.message), std::string::npos)
        << bad.text << "\n  says: " << graph.error().message;
    EXPECT_EQ(graph.error().at, bad.at)
        << bad.text << "\n  " << graph.error().at.line << ":" << graph.error().at.column;
  }
}

TEST(ParserTest, RefusesWhatIsTooBigBeforeReadingIt) {
  const auto graph = Parse(std::string(50U << 20U, ' '));
  ASSERT_FALSE(graph.has_value());
  EXPECT_NE(graph.error().message.find("limit of 16MiB"), std::string::npos);
}

TEST(ParserTest, RefusesDeepNesting) {
  const auto graph = Parse("digraph G {" + Repeat("subgraph{", 100'000));
  ASSERT_FALSE(graph.has_value());
  EXPECT_NE(graph.error().message.find("deeper than 64"), std::string::npos);
}

TEST(ParserTest, TakesTheDepthThatTheLimitNames) {
  MustParse("digraph G {" + Repeat("subgraph{", kMaxSubgraphDepth) + "a" +
            Repeat("}", kMaxSubgraphDepth) + "}");
}

TEST(ParserTest, RefusesDefaultsThatGrowWithoutBound) {
  std::string text = "digraph G { node [x=\"" + std::string(1U << 20U, 'x') + "\"] ";
  for (int i = 0; i < 300; ++i) text += "n" + std::to_string(i) + " ";
  const auto graph = Parse(text + "}");
  ASSERT_FALSE(graph.has_value());
  EXPECT_NE(graph.error().message.find("copied to every node"), std::string::npos);
}

TEST(ParserTest, RefusesTooManyNodes) {
  std::string text = "digraph G {";
  for (std::size_t i = 0; i <= kMaxNodes; ++i) text += " n" + std::to_string(i);
  const auto graph = Parse(text + "}");
  ASSERT_FALSE(graph.has_value());
  EXPECT_NE(graph.error().message.find("more than 100000 nodes"), std::string::npos);
}

TEST(ParserTest, RefusesTooManyAttributes) {
  std::string text = "digraph G { a [";
  for (std::size_t i = 0; i <= kMaxAttributes; ++i) text += "k" + std::to_string(i) + "=1 ";
  const auto graph = Parse(text + "] }");
  ASSERT_FALSE(graph.has_value());
  EXPECT_NE(graph.error().message.find("more than 256 attributes"), std::string::npos);
}

}  // namespace
}  // namespace fabro::workflow
