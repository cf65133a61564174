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

}  // namespace
}  // namespace fabro::workflow
