#include "fabro/workflow/graph/stylesheet.h"

#include <gtest/gtest.h>

#include "fabro/workflow/graph/parser.h"

namespace fabro::workflow {
namespace {

Graph Styled(const std::string& sheet, const std::string& body) {
  auto graph = Parse("digraph G { graph [model_stylesheet=\"" + sheet + "\"] " + body + " }");
  EXPECT_TRUE(graph.has_value());
  Graph styled = *std::move(graph);
  ApplyStylesheet(ParseStylesheet(styled.attributes.Text("model_stylesheet")), styled);
  return styled;
}

std::string Of(const Graph& graph, std::string_view id, std::string_view key) {
  const GraphIndex index(graph);
  return std::string(index.Find(id)->attributes.Text(key));
}

TEST(StylesheetTest, TheHeavierSelectorWinsPropertyByProperty) {
  const Graph graph = Styled(
      "#a { model: four } .c { model: three; speed: fast } "
      "box { model: two; reasoning_effort: low } * { model: one; }",
      "a [class=c] b [class=c] d e [shape=tab]");
  EXPECT_EQ(Of(graph, "a", "model"), "four");
  EXPECT_EQ(Of(graph, "a", "speed"), "fast");
  EXPECT_EQ(Of(graph, "a", "reasoning_effort"), "low");
  EXPECT_EQ(Of(graph, "b", "model"), "three");
  EXPECT_EQ(Of(graph, "d", "model"), "two");
  EXPECT_EQ(Of(graph, "e", "model"), "one");
}

TEST(StylesheetTest, OfEqualSelectorsTheLaterRuleWins) {
  const Graph graph = Styled(".c { model: one } .d { model: two }", "a [class=\"d c\"]");
  EXPECT_EQ(Of(graph, "a", "model"), "two");
}

TEST(StylesheetTest, WhatANodeSaysItselfStays) {
  const Graph graph = Styled("* { model: one }", "a [model=own] b [llm_model=older]");
  EXPECT_EQ(Of(graph, "a", "model"), "own");
  EXPECT_EQ(Of(graph, "b", "model"), "");
}

TEST(StylesheetTest, TheClassOfALabelledSubgraphCounts) {
  const Graph graph = Styled(".loop-a { model: one }", "subgraph s { label=\"Loop A!\" a } b");
  EXPECT_EQ(Of(graph, "a", "model"), "one");
  EXPECT_EQ(Of(graph, "b", "model"), "");
}

TEST(StylesheetTest, OldNamesAreTakenWithAWarning) {
  const Stylesheet sheet = ParseStylesheet("* { llm_model: \"a b\"; }");
  ASSERT_EQ(sheet.warnings.size(), 1U);
  ASSERT_EQ(sheet.rules.size(), 1U);
  EXPECT_EQ(sheet.rules[0].properties[0].first, "model");
  EXPECT_EQ(sheet.rules[0].properties[0].second, "a b");
}

TEST(StylesheetTest, AnErrorNamesItsLine) {
  for (const char* bad : {"*\n{ model }", "a, b\n{ model: x }", "* { model:\n}", "* {\n", "\n{ }",
                          "* { color: red\n}", "* { model: \"x\n}", "* { model: a { }"}) {
    EXPECT_TRUE(ParseStylesheet(bad).error.has_value()) << bad;
  }
  EXPECT_EQ(ParseStylesheet("*\n{ model }").error->line, 2U);
}

}  // namespace
}  // namespace fabro::workflow
