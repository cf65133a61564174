#include <algorithm>
#include <utility>

#include "fabro/agent/llm/openai_compatible/wire.h"
#include "fabro/agent/llm/wire/json_text.h"

namespace fabro::llm::chat {
namespace {

using model::Json;

FinishReason FinishOf(const std::string& reason) {
  if (reason == "stop") return FinishReason::kStop;
  if (reason == "length") return FinishReason::kLength;
  if (reason == "tool_calls" || reason == "function_call") return FinishReason::kToolCalls;
  if (reason == "content_filter") return FinishReason::kContentFilter;
  return FinishReason::kOther;
}

// The first choice, or null.
const Json* ChoiceOf(const Json& answer) {
  const Json* choices = answer.Find("choices");
  if (choices == nullptr || choices->Items() == nullptr || choices->Items()->empty()) {
    return nullptr;
  }
  return &choices->Items()->front();
}

bool IsError(const Json& answer) {
  const Json* error = answer.Find("error");
  return error != nullptr && !error->IsNull();
}

}  // namespace

// Cached tokens are inside prompt_tokens here; Usage keeps them apart.
void ChatDecoder::TakeUsage(const Json* usage) {
  if (usage == nullptr || usage->Members() == nullptr) return;
  Usage& total = builder_.response().usage;
  std::int64_t cached = 0;
  if (const Json* details = usage->Find("prompt_tokens_details")) {
    if (const Json* count = details->Find("cached_tokens"); count != nullptr && count->Int()) {
      cached = std::max<std::int64_t>(0, *count->Int());
      total.cache_read_tokens = cached;
    }
  }
  if (const Json* count = usage->Find("cache_write_tokens"); count != nullptr && count->Int()) {
    total.cache_write_tokens = *count->Int();
  }
  if (const Json* details = usage->Find("completion_tokens_details")) {
    if (const Json* count = details->Find("reasoning_tokens"); count != nullptr && count->Int()) {
      total.reasoning_tokens = *count->Int();
    }
  }
  total.input_tokens = std::max<std::int64_t>(0, usage->IntAt("prompt_tokens") - cached);
  total.output_tokens = std::max<std::int64_t>(0, usage->IntAt("completion_tokens"));
}

Status ChatDecoder::Text(std::string_view text) {
  if (text.empty()) return {};
  if (!text_) {
    if (reasoning_) TRY(builder_.Close(*std::exchange(reasoning_, std::nullopt)));
    const std::size_t part = TRY(builder_.OpenText());
    text_ = part;
  }
  return builder_.AddText(*text_, text);
}

Status ChatDecoder::Reasoning(std::string_view text) {
  if (text.empty()) return {};
  if (!reasoning_) {
    if (text_) TRY(builder_.Close(*std::exchange(text_, std::nullopt)));
    const std::size_t part = TRY(builder_.OpenReasoning());
    reasoning_ = part;
  }
  return builder_.AddReasoning(*reasoning_, text);
}

// A call is new when its index is, or when another id comes under a known index, as some servers
// say index 0 of all of them.
Status ChatDecoder::ToolCalls(const Json& calls) {
  if (calls.Items() == nullptr) return {};
  for (const Json& item : *calls.Items()) {
    const Json* function = item.Find("function");
    if (function == nullptr) continue;
    const std::string id = item.StringAt("id");
    const std::int64_t index = item.IntAt("index", static_cast<std::int64_t>(calls_.size()));
    auto known = calls_.find(index);
    if (known == calls_.end() || (!id.empty() && id != known->second.id)) {
      const std::size_t part = TRY(builder_.OpenToolCall(id, function->StringAt("name")));
      calls_[index] = Call{.part = part, .id = builder_.ToolCallAt(part)->id};
      known = calls_.find(index);
    }
    const Json* arguments = function->Find("arguments");
    if (arguments == nullptr || arguments->IsNull()) continue;
    // A few servers send the object itself.
    const std::string text =
        arguments->String() != nullptr ? *arguments->String() : arguments->Dump();
    TRY(builder_.AddArguments(known->second.part, text));
  }
  return {};
}

Status ChatDecoder::Content(const Json& delta) {
  TRY(Reasoning(delta.StringAt("reasoning_content", delta.StringAt("reasoning"))));
  TRY(Text(delta.StringAt("content")));
  TRY(Text(delta.StringAt("refusal")));
  if (const Json* calls = delta.Find("tool_calls")) TRY(ToolCalls(*calls));
  return {};
}

Status ChatDecoder::Event(const http::SseEvent& sse) {
  if (sse.data == "[DONE]") return {};
  const Json chunk = TRY(ParseAnswer(sse.data));
  if (IsError(chunk)) return ErrorOfAnswer(provider_, 0, sse.data, key_);
  if (!std::exchange(started_, true)) {
    TRY(builder_.Start(chunk.StringAt("id"), chunk.StringAt("model")));
  }
  TakeUsage(chunk.Find("usage"));
  const Json* choice = ChoiceOf(chunk);
  if (choice == nullptr) return builder_.Alive();
  if (const Json* delta = choice->Find("delta")) TRY(Content(*delta));
  const std::string reason = choice->StringAt("finish_reason");
  if (!reason.empty()) {
    finished_ = true;
    builder_.response().raw_finish = reason;
    builder_.response().finish = FinishOf(reason);
  }
  return {};
}

Status ChatDecoder::Whole(std::string_view body) {
  const Json answer = TRY(ParseAnswer(body));
  if (IsError(answer)) return ErrorOfAnswer(provider_, 0, body, key_);
  TRY(builder_.Start(answer.StringAt("id"), answer.StringAt("model")));
  const Json* choice = ChoiceOf(answer);
  const Json* message = choice != nullptr ? choice->Find("message") : nullptr;
  if (message == nullptr) return CallFailure(ErrorKind::kStream, "the answer has no message");
  TRY(Content(*message));
  TakeUsage(answer.Find("usage"));
  finished_ = true;
  builder_.response().raw_finish = choice->StringAt("finish_reason", "stop");
  builder_.response().finish = FinishOf(builder_.response().raw_finish);
  return {};
}

Result<Response> ChatDecoder::Finish() {
  if (!finished_) return CallFailure(ErrorKind::kStream, "the stream ended before the answer did");
  // Some servers say "stop" after calls.
  if (builder_.response().finish == FinishReason::kStop && !calls_.empty()) {
    builder_.response().finish = FinishReason::kToolCalls;
  }
  return builder_.Take();
}

}  // namespace fabro::llm::chat
