#include "fabro/workflow/graph/dot.h"

#include <gtest/gtest.h>

#include "fabro/workflow/graph/parser.h"

namespace fabro::workflow {
namespace {

TEST(ToDotTest, WritesWhatGraphvizNeedsAndNothingElse) {
  const auto graph = Parse(
      "digraph G { rankdir=LR label=\"T\" start -> run [condition=\"a=b\"] run -> exit [label=go]"
      " run [type=command, shape=box, label=\"say \\\"x\\\" & \\\\N\nend\", URL=\"javascript:x\"] "
      "}");
  ASSERT_TRUE(graph.has_value());

  EXPECT_EQ(ToDot(*graph),
            "digraph \"G\" {\n"
            "  rankdir=LR\n"
            "  label=\"T\"\n"
            "  labelloc=t\n"
            "  \"start\" [label=\"start\", shape=Mdiamond]\n"
            "  \"run\" [label=\"say \\\"x\\\" &amp; \\\\N\\nend\", shape=parallelogram]\n"
            "  \"exit\" [label=\"exit\", shape=Msquare]\n"
            "  \"start\" -> \"run\" [label=\"a=b\"]\n"
            "  \"run\" -> \"exit\" [label=\"go\"]\n"
            "}\n");
}

TEST(ToDotTest, CutsLongLabelsBetweenCharacters) {
  std::string label;
  for (int i = 0; i < 100; ++i) label += "€";
  const auto graph = Parse("digraph G { a [label=\"" + label + "\"] }");
  ASSERT_TRUE(graph.has_value());
  EXPECT_NE(ToDot(*graph).find("€…\""), std::string::npos);
  EXPECT_LT(ToDot(*graph).size(), 300U);
}

TEST(ToDotTest, AnImpossibleRankdirIsReplaced) {
  const auto graph = Parse("digraph G { rankdir=\"LR; a\" }");
  ASSERT_TRUE(graph.has_value());
  EXPECT_NE(ToDot(*graph).find("rankdir=TB\n"), std::string::npos);
}

TEST(DotStatesTest, WhatRanIsSolidAndTheRestIsGrey) {
  const auto graph = Parse("digraph G { a -> b a -> c }");
  ASSERT_TRUE(graph.has_value());
  DotStates states;
  states.status = {{"a", "succeeded"}, {"b", "failed"}};
  states.visits = {{"a", 2}, {"b", 1}};
  states.note = {{"a", "1s"}};
  states.taken = {{{"a", "b"}, 2}};
  const std::string dot = ToDot(*graph, states);
  EXPECT_NE(dot.find("\"a\" [label=\"✓ a ×2\\n1s\""), std::string::npos) << dot;
  EXPECT_NE(dot.find("\"b\" [label=\"✗ b\""), std::string::npos) << dot;
  EXPECT_NE(dot.find("\"c\" [label=\"c\", shape=box, style=dashed"), std::string::npos) << dot;
  EXPECT_NE(dot.find("\"a\" -> \"b\" [label=\"×2\", penwidth"), std::string::npos) << dot;
}

}  // namespace
}  // namespace fabro::workflow
