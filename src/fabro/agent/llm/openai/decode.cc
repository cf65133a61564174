#include <algorithm>
#include <utility>

#include "fabro/agent/llm/openai/wire.h"
#include "fabro/agent/llm/wire/json_text.h"

namespace fabro::llm::responses {
namespace {

using model::Json;

// The texts of a message's content, or of a reasoning's summary.
std::string Texts(const Json* list) {
  std::string text;
  if (list == nullptr || list->Items() == nullptr) return text;
  for (const Json& item : *list->Items()) {
    text += item.StringAt("text");
    text += item.StringAt("refusal");
  }
  return text;
}

}  // namespace

// Cached tokens are inside input_tokens here; Usage keeps them apart.
void ResponsesDecoder::TakeUsage(const Json* usage) {
  if (usage == nullptr || usage->Members() == nullptr) return;
  Usage& total = builder_.response().usage;
  std::int64_t cached = 0;
  if (const Json* details = usage->Find("input_tokens_details")) {
    cached = std::max<std::int64_t>(0, details->IntAt("cached_tokens"));
    total.cache_read_tokens = cached;
  }
  if (const Json* details = usage->Find("output_tokens_details")) {
    total.reasoning_tokens = details->IntAt("reasoning_tokens");
  }
  total.input_tokens = std::max<std::int64_t>(0, usage->IntAt("input_tokens") - cached);
  total.output_tokens = std::max<std::int64_t>(0, usage->IntAt("output_tokens"));
}

// Our part for an output item, opened when it is new. Null: a kind of item that is none of ours.
Result<ResponsesDecoder::Item*> ResponsesDecoder::ItemAt(std::int64_t index, const Json& item) {
  if (const auto known = items_.find(index); known != items_.end()) return &known->second;
  const std::string type = item.StringAt("type");
  std::size_t part = 0;
  if (type == "message") {
    part = TRY(builder_.OpenText());
  } else if (type == "reasoning") {
    part = TRY(builder_.OpenReasoning());
  } else if (type == "function_call") {
    part = TRY(builder_.OpenToolCall(item.StringAt("call_id"), item.StringAt("name")));
    has_calls_ = true;
  } else {
    return nullptr;
  }
  return &(items_[index] = Item{.part = part});
}

// What the finished item says beyond its deltas.
Status ResponsesDecoder::Fill(const Json& item, std::int64_t index) {
  Item* known = TRY(ItemAt(index, item));
  if (known == nullptr) return {};
  const std::string type = item.StringAt("type");
  if (type == "message" && !known->streamed) {
    TRY(builder_.AddText(known->part, Texts(item.Find("content"))));
  }
  if (type == "function_call" && !known->streamed) {
    TRY(builder_.AddArguments(known->part, item.StringAt("arguments")));
  }
  if (type == "reasoning") {
    if (!known->streamed) {
      TRY(builder_.AddReasoning(known->part, Texts(item.Find("summary"))));
    }
    if (ReasoningPart* part = builder_.ReasoningAt(known->part)) {
      part->id = item.StringAt("id");
      part->signature = item.StringAt("encrypted_content");
    }
  }
  known->streamed = true;
  return builder_.Close(known->part);
}

Status ResponsesDecoder::OnItemDone(const Json& event) {
  const Json* item = event.Find("item");
  return item == nullptr ? Status{} : Fill(*item, event.IntAt("output_index"));
}

Status ResponsesDecoder::OnDelta(const std::string& type, const Json& event) {
  const auto known = items_.find(event.IntAt("output_index"));
  if (known == items_.end()) return builder_.Alive();
  const std::string delta = event.StringAt("delta");
  if (type == "response.output_text.delta" || type == "response.refusal.delta") {
    known->second.streamed = true;
    return builder_.AddText(known->second.part, delta);
  }
  if (type == "response.function_call_arguments.delta") {
    known->second.streamed = true;
    return builder_.AddArguments(known->second.part, delta);
  }
  if (type == "response.reasoning_summary_text.delta") {
    known->second.streamed = true;
    return builder_.AddReasoning(known->second.part, delta);
  }
  return builder_.Alive();  // What is not known counts as life (agent 7.2).
}

// Of response.completed, response.incomplete, and of an answer in one piece.
Status ResponsesDecoder::End(const Json& response) {
  complete_ = true;
  TakeUsage(response.Find("usage"));
  const std::string status = response.StringAt("status", "completed");
  std::string reason;
  if (const Json* details = response.Find("incomplete_details")) {
    reason = details->StringAt("reason");
  }
  Response& result = builder_.response();
  result.raw_finish = reason.empty() ? status : reason;
  result.finish = has_calls_ ? FinishReason::kToolCalls : FinishReason::kStop;
  if (status == "incomplete") {
    result.finish = reason == "max_output_tokens" ? FinishReason::kLength
                    : reason == "content_filter"  ? FinishReason::kContentFilter
                                                  : FinishReason::kOther;
  }
  return {};
}

Status ResponsesDecoder::Event(const http::SseEvent& sse) {
  if (complete_ || sse.data == "[DONE]") return {};
  const Json event = TRY(ParseAnswer(sse.data));
  const std::string type = event.StringAt("type", sse.event);
  const Json* response = event.Find("response");
  if (type == "response.created" && response != nullptr) {
    return builder_.Start(response->StringAt("id"), response->StringAt("model"));
  }
  if (type == "response.output_item.added") {
    const Json* item = event.Find("item");
    if (item != nullptr) TRY(ItemAt(event.IntAt("output_index"), *item));
    return builder_.Alive();
  }
  if (type == "response.output_item.done") return OnItemDone(event);
  if ((type == "response.completed" || type == "response.incomplete") && response != nullptr) {
    return End(*response);
  }
  if (type == "response.failed" || type == "error") {
    return ErrorOfAnswer(provider_, 0, sse.data, key_);
  }
  return OnDelta(type, event);
}

Status ResponsesDecoder::Whole(std::string_view body) {
  const Json response = TRY(ParseAnswer(body));
  if (response.StringAt("status") == "failed") return ErrorOfAnswer(provider_, 0, body, key_);
  TRY(builder_.Start(response.StringAt("id"), response.StringAt("model")));
  const Json* output = response.Find("output");
  if (output == nullptr || output->Items() == nullptr) {
    return CallFailure(ErrorKind::kStream, "the answer has no output");
  }
  std::int64_t index = 0;
  for (const Json& item : *output->Items()) TRY(Fill(item, index++));
  return End(response);
}

Result<Response> ResponsesDecoder::Finish() {
  if (!complete_) {
    return CallFailure(ErrorKind::kStream, "the stream ended before the response did");
  }
  return builder_.Take();
}

}  // namespace fabro::llm::responses
