#include "fabro/agent/llm/scripted/scripted.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <memory>
#include <string>
#include <vector>

#include "fabro/linux/unique_fd.h"

namespace fabro::llm {
namespace {

std::unique_ptr<Scripted> Playing(const std::string& json,
                                  Unscripted unscripted = Unscripted::kOk) {
  Result<Script> script = ParseScript(json);
  EXPECT_TRUE(script.ok()) << script.error().ToString();
  return std::make_unique<Scripted>(std::make_shared<const Script>(*std::move(script)), unscripted);
}

Request For(std::string node, std::uint64_t attempts = 0) {
  Request request;
  request.model = "any";
  request.caller = {.node = std::move(node), .attempts = attempts, .agent = {}};
  request.messages.push_back(TextMessage(Role::kUser, "12345678"));
  return request;
}

TEST(ScriptedTest, ANodeWithoutEntriesAnswersOk) {
  const auto model = Playing("{}");

  const auto response = model->Generate(For("build"), {}, -1);

  ASSERT_TRUE(response.ok());
  EXPECT_EQ(TextOf(response->message), "ok");
  EXPECT_EQ(response->finish, FinishReason::kStop);
}

TEST(ScriptedTest, ADryRunNamesTheNode) {
  const auto model = Playing("{}", Unscripted::kSimulated);

  const auto response = model->Generate(For("build"), {}, -1);

  EXPECT_EQ(TextOf(response->message), "Simulated answer of build (dry run).");
}

TEST(ScriptedTest, EntriesFollowTheFinishedAttemptsAndTheLastRepeats) {
  const auto model = Playing(R"({"a": [{"text": "one"}, {"text": "two"}]})");

  EXPECT_EQ(TextOf(model->Generate(For("a", 0), {}, -1)->message), "one");
  EXPECT_EQ(TextOf(model->Generate(For("a", 1), {}, -1)->message), "two");
  EXPECT_EQ(TextOf(model->Generate(For("a", 7), {}, -1)->message), "two");
}

TEST(ScriptedTest, TurnsFollowEachOtherAndTheLastTextRepeats) {
  const auto model = Playing(
      R"({"*": [{"turns": [{"tools": [{"name": "glob", "args": {"pattern": "*"}}]},
                           {"text": "done"}]}]})");

  const auto first = model->Generate(For("x"), {}, -1);
  const auto second = model->Generate(For("x"), {}, -1);
  const auto third = model->Generate(For("x"), {}, -1);

  EXPECT_EQ(first->finish, FinishReason::kToolCalls);
  ASSERT_EQ(ToolCallsOf(first->message).size(), 1u);
  EXPECT_EQ(ToolCallsOf(first->message)[0]->arguments, R"({"pattern":"*"})");
  EXPECT_EQ(TextOf(second->message), "done");
  EXPECT_EQ(TextOf(third->message), "done");
}

TEST(ScriptedTest, StreamsWholeCharactersThatMakeUpTheResponse) {
  const std::string text = "Grüße, ∀x: ein längerer Satz, damit es mehrere Stücke werden — ja.";
  const auto model = Playing(R"({"a": [{"text": ")" + text + R"(", "reasoning": "hm"}]})");
  std::string streamed;
  int pieces = 0;

  const auto response = model->Generate(
      For("a"),
      [&](const StreamEvent& event) -> Status {
        if (const auto* delta = std::get_if<TextDelta>(&event)) {
          EXPECT_NE(static_cast<unsigned char>(delta->text[0]) & 0xC0, 0x80);
          EXPECT_EQ(delta->index, 1u);
          streamed += delta->text;
          ++pieces;
        }
        return {};
      },
      -1);

  EXPECT_EQ(streamed, text);
  EXPECT_EQ(TextOf(response->message), text);
  EXPECT_GT(pieces, 2);
}

TEST(ScriptedTest, AnErrorWithTimesIsAnsweredAfterwards) {
  const auto model = Playing(
      R"({"a": [{"error": "rate_limit", "times": 2, "retry_after": 1.5, "text": "fine"}]})");
  CallInfo info;

  const auto first = model->Call(For("a"), {}, -1, info);
  const auto second = model->Call(For("a"), {}, -1, info);
  const auto third = model->Call(For("a"), {}, -1, info);

  EXPECT_EQ(KindOf(first.error()), ErrorKind::kRateLimit);
  EXPECT_EQ(info.retry_after, std::chrono::milliseconds(1500));
  EXPECT_FALSE(second.ok());
  EXPECT_EQ(TextOf(third->message), "fine");
}

TEST(ScriptedTest, AnErrorOfAnEntryLastsAsLongAsTheAttempt) {
  const auto model = Playing(R"({"a": [{"error": "server"}, {"text": "fine"}]})");

  EXPECT_EQ(model->Generate(For("a", 0), {}, -1).error().reason, "llm_server");
  EXPECT_EQ(model->Generate(For("a", 0), {}, -1).error().reason, "llm_server");
  EXPECT_TRUE(model->Generate(For("a", 1), {}, -1).ok());
}

TEST(ScriptedTest, ASinkThatFailsEndsTheCallWithItsError) {
  const auto model = Playing("{}");

  const auto response = model->Generate(
      For("a"), [](const StreamEvent&) { return Failure(Code::kInternal, "full", "disk_full"); },
      -1);

  EXPECT_EQ(response.error().reason, "disk_full");
}

TEST(ScriptedTest, AHangingModelEndsWhenItIsCancelled) {
  const auto model = Playing(R"({"a": [{"hang": true}]})");
  const UniqueFd cancel(::eventfd(1, EFD_CLOEXEC));

  const auto response = model->Generate(For("a"), {}, cancel.get());

  EXPECT_EQ(KindOf(response.error()), ErrorKind::kCanceled);
}

TEST(ScriptedTest, SummariesAndProbesTakeNoTurn) {
  const auto model = Playing(R"({"a": [{"text": "mine"}]})");
  Request summary = For("a");
  summary.purpose = Purpose::kSummary;

  EXPECT_NE(TextOf(model->Generate(summary, {}, -1)->message), "mine");
  EXPECT_EQ(TextOf(model->Generate(For("a"), {}, -1)->message), "mine");
}

TEST(ScriptedTest, UsageIsEstimatedUnlessItIsGiven) {
  const auto model = Playing(
      R"({"a": [{"text": "1234"}], "b": [{"text": "x", "usage": {"input": 7, "output": 9,
          "cache_read": 3}, "cost_usd": 0.5}]})");

  const auto estimated = model->Generate(For("a"), {}, -1);
  const auto given = model->Generate(For("b"), {}, -1);

  EXPECT_EQ(estimated->usage.input_tokens, 2);
  EXPECT_EQ(estimated->usage.output_tokens, 1);
  EXPECT_EQ(given->usage.total(), 19);
  EXPECT_EQ(given->cost_usd, 0.5);
}

TEST(ScriptTest, MistakesNameTheirPlace) {
  const std::pair<const char*, const char*> cases[] = {
      {"[]", "no object"},
      {R"({"a": {}})", "node a: is no list"},
      {R"({"a": [{"txt": "x"}]})", "node a, entry 1: unknown key txt"},
      {R"({"a": [{"turns": []}]})", "at least one"},
      {R"({"a": [{"text": "x"}, {"turns": [{}, {"error": "boom"}]}]})", "entry 2, turn 2: no such"},
      {R"({"a": [{"tools": [{"args": {}}]}]})", "needs a name"},
      {R"({"a": [{"error": "server", "times": 0}]})", "times is 1 or more"},
      {"{", "byte"},
  };
  for (const auto& [json, message] : cases) {
    const auto script = ParseScript(json);
    ASSERT_FALSE(script.ok()) << json;
    EXPECT_NE(script.error().ToString().find(message), std::string::npos)
        << script.error().ToString();
  }
}

}  // namespace
}  // namespace fabro::llm
