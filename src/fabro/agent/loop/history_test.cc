#include "fabro/agent/loop/history.h"

#include <gtest/gtest.h>

#include "fabro/agent/loop/repetition.h"
#include "fabro/codec/json/json.h"

namespace fabro::agent {
namespace {

using llm::Message;
using llm::Role;

Message Calling(const std::string& tool) {
  Message message{.role = Role::kAssistant, .parts = {}, .provider = {}, .model = {}};
  message.parts.emplace_back(
      llm::ToolCallPart{.id = "1", .name = tool, .arguments = "{}", .signature = {}});
  return message;
}

Message Results(const std::string& content) {
  Message message{.role = Role::kTool, .parts = {}, .provider = {}, .model = {}};
  message.parts.emplace_back(llm::ToolResultPart{
      .call_id = "1", .name = "t", .content = content, .is_error = false, .image = {}});
  return message;
}

TEST(History, ACompactionNeverPartsACallFromItsResults) {
  History history;
  history.AddText(Turn::Kind::kUser, "do it");
  for (int i = 0; i < 5; ++i) {
    history.Add(Turn::Kind::kAssistant, Calling("t"));
    history.Add(Turn::Kind::kResults, Results("r"));
  }
  const std::size_t border = history.CompactionBorder(5);
  EXPECT_EQ(border, 5U);
  EXPECT_EQ(history.turns()[border].kind, Turn::Kind::kAssistant);
}

TEST(History, ACompactionKeepsWhatTheUserSaid) {
  History history;
  history.AddText(Turn::Kind::kUser, "first wish");
  history.AddText(Turn::Kind::kUser, std::string(5'000, 'x'));
  for (int i = 0; i < 10; ++i)
    history.Add(Turn::Kind::kAssistant, llm::TextMessage(Role::kAssistant, "a"));
  history.Compact(history.CompactionBorder(6), "SUMMARY");
  ASSERT_EQ(history.turns().size(), 9U);
  EXPECT_EQ(history.turns()[0].kind, Turn::Kind::kSummary);
  EXPECT_NE(llm::TextOf(history.turns()[0].message).find("SUMMARY"), std::string::npos);
  EXPECT_EQ(llm::TextOf(history.turns()[1].message), "first wish");
  EXPECT_LT(llm::TextOf(history.turns()[2].message).size(), 4'100U);
}

TEST(History, ThereIsNothingToCompactInAShortConversation) {
  History history;
  EXPECT_EQ(history.CompactionBorder(6), 0U);
  history.AddText(Turn::Kind::kUser, "x");
  EXPECT_EQ(history.CompactionBorder(6), 0U);
}

TEST(History, ARenderingCutsResults) {
  History history;
  history.Add(Turn::Kind::kResults, Results(std::string(2'000, 'y')));
  const std::string text = history.Render(1);
  EXPECT_LT(text.size(), 600U);
  EXPECT_NE(text.find("[...]"), std::string::npos);
}

std::string Signature(std::string_view json) { return CallSignature("t", *codec::ParseJson(json)); }

TEST(Repetition, TheOrderOfArgumentsDoesNotMatter) {
  EXPECT_EQ(Signature(R"({"a":1,"b":{"c":2,"d":3}})"), Signature(R"({"b":{"d":3,"c":2},"a":1})"));
  EXPECT_NE(Signature(R"({"a":1})"), Signature(R"({"a":2})"));
}

// How many turns until the first warning, and until the second.
std::vector<int> Warnings(const std::vector<std::string>& pattern, int turns) {
  Repetition repetition(10);
  std::vector<int> at;
  for (int i = 0; i < turns; ++i) {
    if (repetition.Add({pattern[static_cast<std::size_t>(i) % pattern.size()]}))
      at.push_back(i + 1);
  }
  return at;
}

TEST(Repetition, PatternsOfOneTwoAndThreeAreSeen) {
  EXPECT_EQ(Warnings({"a"}, 25), (std::vector<int>{10, 21}));
  EXPECT_EQ(Warnings({"a", "b"}, 12), (std::vector<int>{10}));
  EXPECT_EQ(Warnings({"a", "b", "c"}, 12), (std::vector<int>{10}));
  EXPECT_EQ(Warnings({"a", "b", "c", "d"}, 100), std::vector<int>{});
}

}  // namespace
}  // namespace fabro::agent
