#include "fabro/agent/llm/model.h"

namespace fabro::llm {
namespace {

void Add(std::optional<std::int64_t>& into, const std::optional<std::int64_t>& other) {
  if (other.has_value()) into = into.value_or(0) + *other;
}

}  // namespace

Usage& Usage::operator+=(const Usage& other) {
  input_tokens += other.input_tokens;
  output_tokens += other.output_tokens;
  Add(reasoning_tokens, other.reasoning_tokens);
  Add(cache_read_tokens, other.cache_read_tokens);
  Add(cache_write_tokens, other.cache_write_tokens);
  return *this;
}

std::string_view ToString(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kToolCalls:
      return "tool_calls";
    case FinishReason::kContentFilter:
      return "content_filter";
    case FinishReason::kError:
      return "error";
    case FinishReason::kOther:
      return "other";
  }
  return "other";
}

std::string TextOf(const Message& message) {
  std::string text;
  for (const Part& part : message.parts) {
    if (const auto* piece = std::get_if<TextPart>(&part)) text += piece->text;
  }
  return text;
}

std::vector<const ToolCallPart*> ToolCallsOf(const Message& message) {
  std::vector<const ToolCallPart*> calls;
  for (const Part& part : message.parts) {
    if (const auto* call = std::get_if<ToolCallPart>(&part)) calls.push_back(call);
  }
  return calls;
}

}  // namespace fabro::llm
