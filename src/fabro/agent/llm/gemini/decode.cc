#include <algorithm>
#include <utility>

#include "fabro/agent/llm/gemini/wire.h"
#include "fabro/agent/llm/wire/json_text.h"

namespace fabro::llm::gemini {
namespace {

using model::Json;

FinishReason FinishOf(const std::string& reason) {
  if (reason == "STOP") return FinishReason::kStop;
  if (reason == "MAX_TOKENS") return FinishReason::kLength;
  for (const char* blocked :
       {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY"}) {
    if (reason == blocked) return FinishReason::kContentFilter;
  }
  return FinishReason::kOther;
}

}  // namespace

// Cached tokens are inside the prompt's count; thoughts are beside the candidates', and billed as
// output.
void GeminiDecoder::TakeUsage(const Json* usage) {
  if (usage == nullptr || usage->Members() == nullptr) return;
  Usage& total = builder_.response().usage;
  const auto count = [usage](std::string_view key) -> std::optional<std::int64_t> {
    const Json* value = usage->Find(key);
    if (value == nullptr || value->Int() == nullptr) return std::nullopt;
    return std::max<std::int64_t>(0, *value->Int());
  };
  total.cache_read_tokens = count("cachedContentTokenCount");
  total.reasoning_tokens = count("thoughtsTokenCount");
  total.input_tokens = std::max<std::int64_t>(
      0, count("promptTokenCount").value_or(0) - total.cache_read_tokens.value_or(0));
  total.output_tokens =
      count("candidatesTokenCount").value_or(0) + total.reasoning_tokens.value_or(0);
}

void GeminiDecoder::TakeFinish(const std::string& reason) {
  if (reason.empty() || reason == "FINISH_REASON_UNSPECIFIED") return;
  finished_ = true;
  builder_.response().raw_finish = reason;
  builder_.response().finish = FinishOf(reason);
}

// Text and thoughts go on over chunks until another kind of part comes.
Status GeminiDecoder::Spoken(const Json& part, bool thought) {
  if (!open_ || open_is_thought_ != thought) {
    if (open_) TRY(builder_.Close(*open_));
    std::size_t opened = 0;
    if (thought) {
      opened = TRY(builder_.OpenReasoning());
    } else {
      opened = TRY(builder_.OpenText());
    }
    open_ = opened;
    open_is_thought_ = thought;
  }
  const std::string signature = part.StringAt("thoughtSignature");
  if (thought) {
    builder_.ReasoningAt(*open_)->signature += signature;
    return builder_.AddReasoning(*open_, part.StringAt("text"));
  }
  builder_.TextAt(*open_)->signature += signature;
  return builder_.AddText(*open_, part.StringAt("text"));
}

Status GeminiDecoder::Part(const Json& part) {
  const Json* call = part.Find("functionCall");
  if (call == nullptr) {
    // The last piece of a stream is often an empty text.
    const bool said = !part.StringAt("text").empty() || !part.StringAt("thoughtSignature").empty();
    return said ? Spoken(part, part.BoolAt("thought")) : builder_.Alive();
  }
  if (open_) TRY(builder_.Close(*std::exchange(open_, std::nullopt)));
  // Ids are ours: those that newer models give are unique in one answer only.
  const std::size_t index = TRY(builder_.OpenToolCall({}, call->StringAt("name")));
  has_calls_ = true;
  builder_.ToolCallAt(index)->signature = part.StringAt("thoughtSignature");
  const Json* args = call->Find("args");
  if (args != nullptr && !args->IsNull()) TRY(builder_.AddArguments(index, args->Dump()));
  return builder_.Close(index);
}

Status GeminiDecoder::Chunk(const Json& chunk, std::string_view text) {
  if (chunk.Find("error") != nullptr) return ErrorOfAnswer(provider_, 0, text, key_);
  if (!std::exchange(started_, true)) {
    TRY(builder_.Start(chunk.StringAt("responseId"), chunk.StringAt("modelVersion")));
  }
  TakeUsage(chunk.Find("usageMetadata"));
  if (const Json* feedback = chunk.Find("promptFeedback")) {
    const std::string blocked = feedback->StringAt("blockReason");
    if (!blocked.empty()) {
      return CallFailure(ErrorKind::kContentFilter, "the prompt was blocked (" + blocked + ")");
    }
  }
  const Json* candidates = chunk.Find("candidates");
  if (candidates == nullptr || candidates->Items() == nullptr || candidates->Items()->empty()) {
    return builder_.Alive();
  }
  const Json& candidate = candidates->Items()->front();
  const Json* content = candidate.Find("content");
  const Json* parts = content != nullptr ? content->Find("parts") : nullptr;
  if (parts != nullptr && parts->Items() != nullptr) {
    for (const Json& part : *parts->Items()) TRY(Part(part));
  }
  TakeFinish(candidate.StringAt("finishReason"));
  return {};
}

Status GeminiDecoder::Event(const http::SseEvent& sse) {
  const Json chunk = TRY(ParseAnswer(sse.data));
  return Chunk(chunk, sse.data);
}

Status GeminiDecoder::Whole(std::string_view body) {
  const Json answer = TRY(ParseAnswer(body));
  return Chunk(answer, body);
}

Result<Response> GeminiDecoder::Finish() {
  if (!finished_) return CallFailure(ErrorKind::kStream, "the stream ended before the answer did");
  if (has_calls_) builder_.response().finish = FinishReason::kToolCalls;
  return builder_.Take();
}

}  // namespace fabro::llm::gemini
