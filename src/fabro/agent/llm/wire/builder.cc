#include "fabro/agent/llm/wire/builder.h"

#include <utility>

#include "fabro/base/clock.h"
#include "fabro/base/id.h"

namespace fabro::llm {
namespace {

constexpr std::size_t kMaxParts = 4096;

Error Confused() {
  return CallFailure(ErrorKind::kStream, "the provider's stream contradicts itself");
}

}  // namespace

std::string NewCallId() {
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      RealClock().WallNow().time_since_epoch());
  return "call_" + MakeUuidV7(now, RandomBytes(10));
}

ResponseBuilder::ResponseBuilder(const Sink& sink, std::string provider, std::string model)
    : sink_(sink) {
  response_.provider = std::move(provider);
  response_.model = std::move(model);
  response_.message.role = Role::kAssistant;
  response_.message.provider = response_.provider;
  response_.message.model = response_.model;
}

Status ResponseBuilder::Start(std::string id, std::string model) {
  response_.id = id;
  return Emit(sink_, StreamStart{.id = std::move(id), .model = std::move(model)});
}

Result<std::size_t> ResponseBuilder::Open(Part part) {
  if (size() >= kMaxParts) {
    return CallFailure(ErrorKind::kTooLarge, "the answer has more than 4096 parts");
  }
  response_.message.parts.push_back(std::move(part));
  open_.push_back(true);
  began_ = true;
  return size() - 1;
}

Result<std::size_t> ResponseBuilder::OpenText() { return Open(TextPart{}); }
Result<std::size_t> ResponseBuilder::OpenReasoning() { return Open(ReasoningPart{}); }

Result<std::size_t> ResponseBuilder::OpenToolCall(std::string id, std::string name) {
  if (id.empty()) id = NewCallId();
  const std::size_t index = TRY(Open(ToolCallPart{.id = id, .name = name}));
  TRY(Emit(sink_, ToolCallStart{.index = index, .id = std::move(id), .name = std::move(name)}));
  return index;
}

ReasoningPart* ResponseBuilder::ReasoningAt(std::size_t index) {
  return index < size() ? std::get_if<ReasoningPart>(&response_.message.parts[index]) : nullptr;
}
ToolCallPart* ResponseBuilder::ToolCallAt(std::size_t index) {
  return index < size() ? std::get_if<ToolCallPart>(&response_.message.parts[index]) : nullptr;
}
TextPart* ResponseBuilder::TextAt(std::size_t index) {
  return index < size() ? std::get_if<TextPart>(&response_.message.parts[index]) : nullptr;
}

Status ResponseBuilder::AddText(std::size_t index, std::string_view text) {
  TextPart* part = TextAt(index);
  if (part == nullptr) return Confused();
  if (text.empty()) return {};
  part->text += text;
  return Emit(sink_, TextDelta{.index = index, .text = std::string(text)});
}

Status ResponseBuilder::AddReasoning(std::size_t index, std::string_view text) {
  ReasoningPart* part = ReasoningAt(index);
  if (part == nullptr) return Confused();
  if (text.empty()) return {};
  part->text += text;
  return Emit(sink_, ReasoningDelta{.index = index, .text = std::string(text)});
}

Status ResponseBuilder::AddArguments(std::size_t index, std::string_view json) {
  ToolCallPart* part = ToolCallAt(index);
  if (part == nullptr) return Confused();
  if (json.empty()) return {};
  part->arguments += json;
  return Emit(sink_, ToolCallDelta{.index = index, .arguments = std::string(json)});
}

Status ResponseBuilder::Close(std::size_t index) {
  if (index >= size()) return Confused();
  if (!open_[index]) return {};
  open_[index] = false;
  if (ToolCallPart* call = ToolCallAt(index); call != nullptr && call->arguments.empty()) {
    TRY(AddArguments(index, "{}"));
  }
  return Emit(sink_, PartEnd{.index = index});
}

Result<Response> ResponseBuilder::Take() {
  for (std::size_t i = 0; i < size(); ++i) TRY(Close(i));
  return std::move(response_);
}

}  // namespace fabro::llm
