#include "fabro/agent/directives/directives.h"

#include <gtest/gtest.h>

namespace fabro::agent {
namespace {

std::string Outcome(std::string_view text) {
  const auto found = FindDirectives(text);
  return found ? found->outcome : "none";
}

TEST(Directives, AreFoundInProseAndFences) {
  EXPECT_EQ(Outcome("No JSON here."), "none");
  EXPECT_EQ(Outcome("Done. {\"outcome\":\"failed\"} Bye."), "failed");
  EXPECT_EQ(Outcome("```json\n{\"outcome\": \"skipped\"}\n```"), "skipped");
  EXPECT_EQ(Outcome("{ not json } {\"outcome\":\"succeeded\"} {\"other\":1}"), "succeeded");
}

TEST(Directives, TheLastOneCounts) {
  EXPECT_EQ(Outcome(R"({"outcome":"failed"} then {"outcome":"succeeded"})"), "succeeded");
}

TEST(Directives, BracesInStringsDoNotCount) {
  EXPECT_EQ(Outcome(R"({"failure_reason":"a } b { \" }","outcome":"failed"})"), "failed");
}

TEST(Directives, ObjectsInsideOfOthersCount) {
  EXPECT_EQ(Outcome(R"({"result":{"list":[{"outcome":"failed"}]}})"), "failed");
  EXPECT_EQ(Outcome("{ broken {\"outcome\":\"failed\"} }"), "failed");
}

TEST(Directives, OldWordsAreKnownAndUnknownOnesLeftOut) {
  const auto old = FindDirectives(R"({"outcome":"success"})");
  ASSERT_TRUE(old);
  EXPECT_EQ(old->outcome, "succeeded");
  EXPECT_EQ(old->warnings.size(), 1U);
  const auto unknown = FindDirectives(R"({"outcome":"maybe"})");
  EXPECT_EQ(unknown->outcome, "");
  EXPECT_EQ(unknown->warnings.size(), 1U);
}

TEST(Directives, AReasonImpliesFailure) {
  const auto found = FindDirectives(R"({"failure_reason":"tests fail"})");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->outcome, "failed");
  EXPECT_EQ(found->failure_reason, "tests fail");
}

TEST(Directives, SuggestionsAreAListOrOneWord) {
  EXPECT_EQ(FindDirectives(R"({"suggested_next_ids":["a","b"]})")->suggested_next_ids.size(), 2U);
  EXPECT_EQ(FindDirectives(R"({"suggested_next_ids":"a"})")->suggested_next_ids.size(), 1U);
}

TEST(Directives, TheEnginesKeysCannotBeWritten) {
  const auto found = FindDirectives(
      R"({"context_updates":{"internal.run_id":"x","graph.goal":"y","outcome":"z",
          "human.gate.selected":"A","mine":[1]}})");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->context_updates.Dump(), R"({"mine":[1]})");
  EXPECT_EQ(found->warnings.size(), 4U);
}

TEST(Directives, AStatusFileKnowsTwoMoreNames) {
  const auto found =
      ReadStatusFile(R"({"outcome":"succeeded","preferred_label":"Yes","notes":"n"})");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->preferred_next_label, "Yes");
  EXPECT_EQ(found->notes, "n");
  EXPECT_FALSE(ReadStatusFile("[]"));
}

TEST(Directives, UnbalancedBracesBeforeThemDoNotHideThem) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += "if (x) { y(); // {\n";
  EXPECT_EQ(Outcome(text + R"({"outcome":"failed"})"), "failed");
}

TEST(Directives, HostileNestingEndsSoon) {
  EXPECT_EQ(Outcome(std::string(1'000'000, '{')), "none");
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "{\"";
  EXPECT_EQ(Outcome(text), "none");
}

}  // namespace
}  // namespace fabro::agent
