// Puts a Response together from a provider's pieces, telling the sink of each: all wire formats
// stream, and answer in one piece, through this.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/agent/llm/adapter.h"

namespace fabro::llm {

class ResponseBuilder {
 public:
  // `sink` is borrowed and outlives this. `model` is the id that was asked for.
  ResponseBuilder(const Sink& sink, std::string provider, std::string model);

  // Content has come: from here on a failure is a broken stream, not one before its start.
  bool began() const { return began_; }

  Status Start(std::string id, std::string model);
  // A new part at the end; its index. More than 4096 of them: kTooLarge.
  Result<std::size_t> OpenText();
  Result<std::size_t> OpenReasoning();
  // An empty id is replaced by one of ours.
  Result<std::size_t> OpenToolCall(std::string id, std::string name);
  // The next bytes of a part of that kind; of another kind: kStream, the provider is confused.
  Status AddText(std::size_t index, std::string_view text);
  Status AddReasoning(std::size_t index, std::string_view text);
  Status AddArguments(std::size_t index, std::string_view json);
  Status Close(std::size_t index);
  Status Alive() { return Emit(sink_, Activity{}); }

  // Null pointer: no such part, or of another kind.
  ReasoningPart* ReasoningAt(std::size_t index);
  ToolCallPart* ToolCallAt(std::size_t index);
  TextPart* TextAt(std::size_t index);
  std::size_t size() const { return response_.message.parts.size(); }

  Response& response() { return response_; }
  // Closes what is open; a call without arguments has "{}".
  Result<Response> Take();

 private:
  Result<std::size_t> Open(Part part);

  const Sink& sink_;
  Response response_;
  std::vector<bool> open_;
  bool began_ = false;
};

// "call_" and a UUID, for providers that give calls no id.
std::string NewCallId();

}  // namespace fabro::llm
