#include <algorithm>
#include <utility>

#include "fabro/agent/llm/anthropic/wire.h"
#include "fabro/agent/llm/wire/json_text.h"

namespace fabro::llm::anthropic {
namespace {

using model::Json;

FinishReason FinishOf(const std::string& reason) {
  if (reason == "end_turn" || reason == "stop_sequence") return FinishReason::kStop;
  if (reason == "max_tokens" || reason == "model_context_window_exceeded") {
    return FinishReason::kLength;
  }
  if (reason == "tool_use") return FinishReason::kToolCalls;
  if (reason == "refusal") return FinishReason::kContentFilter;
  return FinishReason::kOther;
}

}  // namespace

void MessagesDecoder::TakeUsage(const Json* usage) {
  if (usage == nullptr) return;
  Usage& total = builder_.response().usage;
  // Every event states totals so far; a later one leaves out or repeats what did not change.
  const auto take = [usage](std::string_view key, auto& into) {
    if (const Json* value = usage->Find(key); value != nullptr && value->Int() != nullptr) {
      into = std::max<std::int64_t>(0, *value->Int());
    }
  };
  take("input_tokens", total.input_tokens);
  take("output_tokens", total.output_tokens);
  take("cache_read_input_tokens", total.cache_read_tokens);
  take("cache_creation_input_tokens", total.cache_write_tokens);
}

void MessagesDecoder::TakeStop(const std::string& reason) {
  if (reason.empty()) return;
  builder_.response().raw_finish = reason;
  builder_.response().finish = FinishOf(reason);
}

// Opens our part for a block of theirs; of one that came whole, its content too.
Status MessagesDecoder::Block(const Json& block, std::int64_t index, bool whole) {
  const std::string type = block.StringAt("type");
  if (type == "text") {
    const std::size_t part = TRY(builder_.OpenText());
    parts_[index] = part;
    return builder_.AddText(part, block.StringAt("text"));
  }
  if (type == "thinking") {
    const std::size_t part = TRY(builder_.OpenReasoning());
    parts_[index] = part;
    builder_.ReasoningAt(part)->signature = block.StringAt("signature");
    return builder_.AddReasoning(part, block.StringAt("thinking"));
  }
  if (type == "redacted_thinking") {
    const std::size_t part = TRY(builder_.OpenReasoning());
    parts_[index] = part;
    builder_.ReasoningAt(part)->redacted = true;
    builder_.ReasoningAt(part)->signature = block.StringAt("data");
    return {};
  }
  if (type == "tool_use") {
    const std::size_t part =
        TRY(builder_.OpenToolCall(block.StringAt("id"), block.StringAt("name")));
    parts_[index] = part;
    // In a stream the input here is an empty place holder.
    const Json* input = block.Find("input");
    if (!whole || input == nullptr) return {};
    return builder_.AddArguments(part, input->Dump());
  }
  return {};  // Of tools that the provider runs itself, and of later versions: not ours to answer.
}

Status MessagesDecoder::OnBlockStart(const Json& event) {
  const Json* block = event.Find("content_block");
  if (block == nullptr) return {};
  return Block(*block, event.IntAt("index"), false);
}

Status MessagesDecoder::OnBlockDelta(const Json& event) {
  const Json* delta = event.Find("delta");
  const auto part = parts_.find(event.IntAt("index"));
  if (delta == nullptr || part == parts_.end()) return builder_.Alive();
  const std::string type = delta->StringAt("type");
  if (type == "text_delta") return builder_.AddText(part->second, delta->StringAt("text"));
  if (type == "thinking_delta") {
    return builder_.AddReasoning(part->second, delta->StringAt("thinking"));
  }
  if (type == "input_json_delta") {
    return builder_.AddArguments(part->second, delta->StringAt("partial_json"));
  }
  if (type == "signature_delta") {
    if (ReasoningPart* reasoning = builder_.ReasoningAt(part->second)) {
      reasoning->signature += delta->StringAt("signature");
    }
  }
  return builder_.Alive();
}

Status MessagesDecoder::OnBlockStop(const Json& event) {
  const auto part = parts_.find(event.IntAt("index"));
  return part == parts_.end() ? Status{} : builder_.Close(part->second);
}

Status MessagesDecoder::Event(const http::SseEvent& sse) {
  if (complete_) return {};
  const Json event = TRY(ParseAnswer(sse.data));
  const std::string type = event.StringAt("type");
  if (type == "message_start") {
    const Json* message = event.Find("message");
    if (message == nullptr) return {};
    TakeUsage(message->Find("usage"));
    return builder_.Start(message->StringAt("id"), message->StringAt("model"));
  }
  if (type == "content_block_start") return OnBlockStart(event);
  if (type == "content_block_delta") return OnBlockDelta(event);
  if (type == "content_block_stop") return OnBlockStop(event);
  if (type == "message_delta") {
    if (const Json* delta = event.Find("delta")) TakeStop(delta->StringAt("stop_reason"));
    TakeUsage(event.Find("usage"));
    return {};
  }
  if (type == "message_stop") {
    complete_ = true;
    return {};
  }
  if (type == "error") return ErrorOfAnswer(provider_, 0, sse.data, key_);
  return builder_.Alive();  // ping, and what later versions add
}

Status MessagesDecoder::Whole(std::string_view body) {
  const Json message = TRY(ParseAnswer(body));
  if (message.StringAt("type") == "error") return ErrorOfAnswer(provider_, 0, body, key_);
  TRY(builder_.Start(message.StringAt("id"), message.StringAt("model")));
  const Json* content = message.Find("content");
  if (content == nullptr || content->Items() == nullptr) {
    return CallFailure(ErrorKind::kStream, "the answer has no content");
  }
  for (const Json& block : *content->Items()) {
    TRY(Block(block, static_cast<std::int64_t>(builder_.size()), true));
  }
  TakeUsage(message.Find("usage"));
  TakeStop(message.StringAt("stop_reason"));
  complete_ = true;
  return {};
}

Result<Response> MessagesDecoder::Finish() {
  if (!complete_) return CallFailure(ErrorKind::kStream, "the stream ended before the message did");
  return builder_.Take();
}

}  // namespace fabro::llm::anthropic
