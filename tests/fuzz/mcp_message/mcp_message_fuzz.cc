// A message of an MCP server is understood or refused; every request gets an answer that is one
// message again, with the same id.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fabro/agent/mcp/message.h"
#include "fabro/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fabro::agent::mcp;
  if (size > 1 << 16) return 0;
  const auto message = ParseMessage({reinterpret_cast<const char*>(data), size});
  if (!message.ok()) {
    CHECK(!message.error().reason.empty());
    return 0;
  }
  if (message->kind != Message::Kind::kRequest) return 0;
  const auto answer = ParseMessage(AnswerServer(*message).Dump());
  CHECK(answer.ok() && answer->kind == Message::Kind::kResponse);
  return 0;
}
