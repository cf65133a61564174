// The four wire formats against the imitation of their servers, each case over all of them: what
// differs on the wire must come out the same.
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <string>
#include <vector>

#include "fabro/agent/llm/client.h"
#include "imitation.h"

namespace fabro::llm {
namespace {

constexpr const char* kSchema =
    R"({"type":"object","properties":{"city":{"type":"string"},"days":{"type":["integer","null"]}},)"
    R"("required":["city"],"additionalProperties":false})";

Imitation& Server() {
  static Imitation server;
  return server;
}

Request Asking(const Format& format, const std::string& text = "How is the weather?") {
  Request request;
  request.model = format.model;
  request.messages.push_back(TextMessage(Role::kSystem, "Be brief."));
  request.messages.push_back(TextMessage(Role::kUser, text));
  return request;
}

// What a sink saw, as one text: deltas joined, calls in brackets.
struct Seen {
  std::string text;
  std::string reasoning;
  std::string arguments;
  int starts = 0;
  int ends = 0;
  Sink sink() {
    return [this](const StreamEvent& event) -> Status {
      if (std::get_if<StreamStart>(&event) != nullptr) ++starts;
      if (const auto* delta = std::get_if<TextDelta>(&event)) text += delta->text;
      if (const auto* delta = std::get_if<ReasoningDelta>(&event)) reasoning += delta->text;
      if (const auto* call = std::get_if<ToolCallStart>(&event)) arguments += call->name + "(";
      if (const auto* delta = std::get_if<ToolCallDelta>(&event)) arguments += delta->arguments;
      if (std::get_if<PartEnd>(&event) != nullptr) ++ends;
      return {};
    };
  }
};

class ModelsTest : public testing::TestWithParam<Format> {
 protected:
  Result<Response> Ask(const Request& request, const Sink& sink, int cancel_fd = -1) {
    return AdapterOf(GetParam(), Server().Url())->Call(request, sink, cancel_fd, info_);
  }
  Result<Response> AskWith(AdapterOptions options, const Sink& sink = {}) {
    return AdapterOf(GetParam(), Server().Url(), std::move(options))
        ->Call(Asking(GetParam()), sink, -1, info_);
  }
  CallInfo info_;
};

TEST_P(ModelsTest, TextStreamedAndWholeIsTheSame) {
  for (const char* more : {"", R"(,"split":1)", R"(,"crlf":true,"split":3)"}) {
    Server().Answer(R"([{"text":"Grüße — ∀x: it rains.","usage":{"input":100,"output":9})" +
                    std::string(more) + "}]");
    Seen seen;

    const auto streamed = Ask(Asking(GetParam()), seen.sink());
    const auto whole = Ask(Asking(GetParam()), {});

    ASSERT_TRUE(streamed.ok()) << streamed.error().ToString();
    ASSERT_TRUE(whole.ok()) << whole.error().ToString();
    EXPECT_EQ(seen.text, "Grüße — ∀x: it rains.");
    EXPECT_EQ(seen.starts, 1);
    EXPECT_EQ(seen.ends, 1);
    EXPECT_EQ(streamed->message, whole->message);
    EXPECT_EQ(TextOf(whole->message), "Grüße — ∀x: it rains.");
    EXPECT_EQ(streamed->finish, FinishReason::kStop);
    EXPECT_EQ(streamed->usage.input_tokens, 100);
    EXPECT_EQ(streamed->usage, whole->usage);
    EXPECT_EQ(streamed->message.model, GetParam().model);
  }
}

TEST_P(ModelsTest, SeveralToolCallsAndTheirResultsMakeARound) {
  Server().Answer(
      R"([{"text":"Looking.","tools":[{"name":"weather","args":{"city":"Köln"}},)"
      R"({"name":"weather","args":{"city":"Bonn","days":2}}]},{"text":"Rain in both."}])");
  Request request = Asking(GetParam());
  request.tools.push_back(
      {.name = "weather", .description = "The weather.", .parameters = kSchema});
  Seen seen;

  const auto first = Ask(request, seen.sink());
  ASSERT_TRUE(first.ok()) << first.error().ToString();
  EXPECT_EQ(first->finish, FinishReason::kToolCalls);
  const auto calls = ToolCallsOf(first->message);
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_NE(calls[0]->id, calls[1]->id);
  EXPECT_NE(seen.arguments.find("weather("), std::string::npos);
  EXPECT_NE(calls[1]->arguments.find("Bonn"), std::string::npos);

  request.messages.push_back(first->message);
  Message results{.role = Role::kTool};
  for (const ToolCallPart* call : calls) {
    results.parts.emplace_back(ToolResultPart{
        .call_id = call->id, .name = call->name, .content = "rain", .is_error = call == calls[1]});
  }
  request.messages.push_back(results);
  const auto second = Ask(request, seen.sink());

  ASSERT_TRUE(second.ok()) << second.error().ToString();
  EXPECT_EQ(TextOf(second->message), "Rain in both.");
}

TEST_P(ModelsTest, ReasoningGoesBackToItsModelAndToNoOther) {
  Server().Answer(
      R"([{"reasoning":"Hm, hm.","tools":[{"name":"weather","args":{"city":"Ulm"}}]},{}])");
  Request request = Asking(GetParam());
  request.tools.push_back({.name = "weather", .description = "W.", .parameters = kSchema});
  request.reasoning_effort = "high";
  Seen seen;

  const auto first = Ask(request, seen.sink());
  ASSERT_TRUE(first.ok()) << first.error().ToString();
  EXPECT_EQ(seen.reasoning, "Hm, hm.");
  request.messages.push_back(first->message);
  Message results{.role = Role::kTool};
  results.parts.emplace_back(ToolResultPart{
      .call_id = ToolCallsOf(first->message)[0]->id, .name = "weather", .content = "rain"});
  request.messages.push_back(results);
  (void)Server().Requests();
  ASSERT_TRUE(Ask(request, {}).ok());
  request.messages[2].model = "another-model";
  ASSERT_TRUE(Ask(request, {}).ok());

  const auto asked = Server().Requests();
  ASSERT_EQ(asked.size(), 2u);
  const auto opaque = [](const model::Json& json) {
    const std::string text = json.Dump();
    return text.find("c2lnbmF0dXJl") != std::string::npos ||
           text.find("ZW5jcnlwdGVk") != std::string::npos;
  };
  EXPECT_EQ(opaque(asked[0]), GetParam().api != Api::kOpenAiCompatible);
  EXPECT_FALSE(opaque(asked[1]));
}

TEST_P(ModelsTest, CachedTokensAreCountedOnce) {
  Server().Answer(R"([{"usage":{"input":100,"output":20,"cached":40,"reasoning":8}}])");

  const auto response = Ask(Asking(GetParam()), Seen().sink());

  // Anthropic counts cached tokens beside the input, the others within.
  EXPECT_EQ(response->usage.input_tokens, GetParam().api == Api::kAnthropic ? 100 : 60);
  EXPECT_EQ(response->usage.cache_read_tokens, 40);
  // Gemini counts thoughts beside the output, the others within.
  EXPECT_EQ(response->usage.output_tokens, GetParam().api == Api::kGemini ? 28 : 20);
}

TEST_P(ModelsTest, AnswersThatWereCutOrFilteredSaySo) {
  Server().Answer(R"([{"text":"half","finish":"length"},{"text":"no","finish":"content_filter"}])");

  EXPECT_EQ(Ask(Asking(GetParam()), Seen().sink())->finish, FinishReason::kLength);
  EXPECT_EQ(Ask(Asking(GetParam()), {})->finish, FinishReason::kContentFilter);
}

TEST_P(ModelsTest, StatusesAreErrorsOfTheirKind) {
  const std::pair<int, ErrorKind> cases[] = {
      {400, ErrorKind::kInvalidRequest}, {401, ErrorKind::kAuthentication},
      {403, ErrorKind::kAccessDenied},   {404, ErrorKind::kNotFound},
      {408, ErrorKind::kTimeout},        {413, ErrorKind::kContextLength},
      {429, ErrorKind::kRateLimit},      {500, ErrorKind::kServer},
      {503, ErrorKind::kServer},         {529, ErrorKind::kServer},
      {307, ErrorKind::kConfiguration},
  };
  for (const auto& [status, kind] : cases) {
    Server().Answer(R"([{"status":)" + std::to_string(status) + R"(,"retry_after":"3"}])");
    const auto response = Ask(Asking(GetParam()), Seen().sink());
    ASSERT_FALSE(response.ok());
    EXPECT_EQ(KindOf(response.error()), kind) << status << " " << response.error().ToString();
    EXPECT_EQ(info_.retry_after, std::chrono::milliseconds(3000));
    EXPECT_EQ(info_.http_status, status);
  }
}

TEST_P(ModelsTest, MessagesTellApartWhatStatusesDoNot) {
  const std::pair<const char*, ErrorKind> cases[] = {
      {R"({"status":400,"message":"prompt is too long: too many tokens"})",
       ErrorKind::kContextLength},
      {R"({"status":400,"message":"blocked by content filter"})", ErrorKind::kContentFilter},
      {R"({"status":429,"message":"check your plan","code":"insufficient_quota"})",
       ErrorKind::kQuotaExceeded},
      {R"({"status":402,"message":"pay"})", ErrorKind::kQuotaExceeded},
  };
  for (const auto& [turn, kind] : cases) {
    Server().Answer("[" + std::string(turn) + "]");
    // Formats that have no code of their own for it cannot tell.
    if (GetParam().api == Api::kAnthropic || GetParam().api == Api::kGemini) {
      if (kind == ErrorKind::kQuotaExceeded && std::string(turn).find("429") != std::string::npos) {
        continue;
      }
    }
    EXPECT_EQ(KindOf(Ask(Asking(GetParam()), {}).error()), kind) << turn;
  }
}

TEST_P(ModelsTest, AWrongKeyIsSaidWithoutTheKey) {
  Server().Answer(R"([{"status":401,"message":"no: test-key-0123456789 \u001b[31m\nis wrong"}])");

  const std::string said = Ask(Asking(GetParam()), {}).error().ToString();

  EXPECT_EQ(said.find("test-key"), std::string::npos) << said;
  EXPECT_EQ(said.find('\x1b'), std::string::npos);
  EXPECT_EQ(said.find('\n'), std::string::npos);
  EXPECT_EQ(KindOf(AskWith({.key = "wrong"}).error()), ErrorKind::kAuthentication);
}

TEST_P(ModelsTest, AStreamThatIsCutIsBrokenOnceContentHasCome) {
  Server().Answer(R"([{"text":"a text of more than one piece, certainly","drop":6}])");
  Seen seen;

  const auto response = Ask(Asking(GetParam()), seen.sink());

  EXPECT_EQ(KindOf(response.error()), ErrorKind::kStream);
  EXPECT_FALSE(seen.text.empty() && GetParam().api != Api::kOpenAi);
}

TEST_P(ModelsTest, AConnectionThatIsCutBeforeContentIsANetworkError) {
  Server().Answer(R"([{"text":"never","drop":0}])");

  const auto kind = KindOf(Ask(Asking(GetParam()), Seen().sink()).error());

  EXPECT_TRUE(kind == ErrorKind::kNetwork || kind == ErrorKind::kStream);
  EXPECT_TRUE(MayRetry(kind));
}

TEST_P(ModelsTest, AnErrorWithinTheStreamIsTheProviders) {
  Server().Answer(R"([{"text":"some text that will not be whole","error_event":true}])");

  EXPECT_EQ(KindOf(Ask(Asking(GetParam()), Seen().sink()).error()), ErrorKind::kServer);
}

TEST_P(ModelsTest, GarbageIsABrokenStream) {
  Server().Answer(R"([{"garbage":true}])");

  EXPECT_EQ(KindOf(Ask(Asking(GetParam()), Seen().sink()).error()), ErrorKind::kStream);
  EXPECT_EQ(KindOf(Ask(Asking(GetParam()), {}).error()), ErrorKind::kStream);
}

TEST_P(ModelsTest, AServerThatDoesNotStreamIsTakenAsItIs) {
  Server().Answer(R"([{"text":"in one piece","no_stream":true}])");
  Seen seen;

  ASSERT_TRUE(Ask(Asking(GetParam()), seen.sink()).ok());

  EXPECT_EQ(seen.text, "in one piece");
}

TEST_P(ModelsTest, AProviderThatHangsEndsByTimeOrByCancelling) {
  Server().Answer(R"([{"hang":true},{"hang":true},{"hang":true},{"hang":"middle","text":"abc"}])");
  const http::Timeouts quick{.idle = std::chrono::milliseconds(50)};
  const UniqueFd cancel(::eventfd(1, EFD_CLOEXEC));

  EXPECT_EQ(KindOf(AskWith({.timeouts = quick}, Seen().sink()).error()), ErrorKind::kTimeout);
  EXPECT_EQ(KindOf(AskWith({.whole_answer = std::chrono::milliseconds(50)}).error()),
            ErrorKind::kTimeout);
  EXPECT_EQ(KindOf(Ask(Asking(GetParam()), Seen().sink(), cancel.get()).error()),
            ErrorKind::kCanceled);
  Seen seen;
  const auto middle = AskWith({.timeouts = quick}, seen.sink());
  EXPECT_EQ(KindOf(middle.error()), seen.text.empty() ? ErrorKind::kTimeout : ErrorKind::kStream);
}

TEST_P(ModelsTest, MoreThanAnybodyCanUseIsRefusedAndNotTriedAgain) {
  // 100 MB once; what is over the limit at all is enough for the others.
  const bool chat = GetParam().api == Api::kOpenAiCompatible;
  Server().Answer(chat ? R"([{"huge":100000000}])" : R"([{"huge":17000000}])");

  const auto response = Ask(Asking(GetParam()), {});

  EXPECT_EQ(KindOf(response.error()), ErrorKind::kTooLarge);
  EXPECT_FALSE(MayRetry(KindOf(response.error())));
}

TEST_P(ModelsTest, RequestsWithEverythingAreTaken) {
  Server().Answer("[{}]");
  Request request = Asking(GetParam());
  request.messages.push_back(TextMessage(Role::kUser, "And one more thing."));
  request.messages.back().parts.emplace_back(ImagePart{.bytes = "\x89PNG"});
  request.messages.push_back(TextMessage(Role::kAssistant, ""));
  request.messages.push_back(TextMessage(Role::kUser, "Go on."));
  request.tools.push_back({.name = "weather", .description = "W.", .parameters = kSchema});
  request.tools.push_back({.name = "now", .description = "No parameters."});
  request.temperature = 0.5;
  request.top_p = 0.9;
  request.max_tokens = 3000;
  request.stop_sequences = {"END"};
  request.tool_choice = {.mode = ToolChoice::Mode::kNamed, .name = "weather"};
  request.response_format = {.kind = ResponseFormat::Kind::kJsonSchema, .schema = kSchema};
  request.reasoning_effort = "high";
  request.provider_options[GetParam().provider] = R"({"extra_field": {"deep": 1}})";

  for (const auto mode : {ToolChoice::Mode::kNamed, ToolChoice::Mode::kRequired,
                          ToolChoice::Mode::kNone, ToolChoice::Mode::kAuto}) {
    request.tool_choice.mode = mode;
    const auto response = Ask(request, {});
    EXPECT_TRUE(response.ok()) << response.error().ToString();
  }
  EXPECT_NE(Server().Requests().back().Dump().find(R"("extra_field":{"deep":1})"),
            std::string::npos);
}

TEST_P(ModelsTest, TheClientWaitsAsLongAsTheServerSaysAndTriesAgain) {
  Server().Answer(R"([{"status":429,"retry_after":"2"},{"status":529},{"text":"at last"}])");
  std::vector<std::int64_t> waits;
  Client client({.wait =
                     [&](std::chrono::milliseconds delay, int) {
                       waits.push_back(delay.count());
                       return true;
                     },
                 .jitter = [] { return 1.0; }},
                std::make_shared<const Catalog>(Catalog::BuiltIn()));
  client.Add(GetParam().provider, AdapterOf(GetParam(), Server().Url()));
  Request request = Asking(GetParam());
  request.provider = GetParam().provider;

  const auto response = client.Generate(request, Seen().sink(), -1);

  ASSERT_TRUE(response.ok()) << response.error().ToString();
  EXPECT_EQ(TextOf(response->message), "at last");
  EXPECT_EQ(waits, (std::vector<std::int64_t>{2000, 2000}));
}

INSTANTIATE_TEST_SUITE_P(Formats, ModelsTest, testing::ValuesIn(kFormats), [](const auto& format) {
  return std::string(ToString(format.param.api));
});

}  // namespace
}  // namespace fabro::llm
