// Messages of the Model Context Protocol: JSON-RPC 2.0, one message at a time (batches are gone
// since revision 2025-06-18). Pure. Source:
// https://modelcontextprotocol.io/specification/2025-11-25
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "fabro/base/result.h"
#include "fabro/model/json.h"

namespace fabro::agent::mcp {

inline constexpr std::string_view kNewestProtocol = "2025-11-25";
// Whether we speak a revision that a server chose.
bool IsKnownProtocol(std::string_view revision);

struct Message {
  enum class Kind { kRequest, kNotification, kResponse };
  Kind kind = Kind::kNotification;
  model::Json id{};  // Of requests and responses: a string or an integer.
  std::string method{};
  model::Json params{};
  model::Json result{};  // kResponse without an error.
  bool failed = false;   // kResponse: `error_*` say why.
  std::int64_t error_code = 0;
  std::string error_message{};
};

// kInvalidArgument, "mcp_message_invalid".
Result<Message> ParseMessage(std::string_view text);

model::Json MakeRequest(std::int64_t id, std::string_view method, model::Json params);
model::Json MakeNotification(std::string_view method, model::Json params);
model::Json MakeResult(const model::Json& id, model::Json result);
model::Json MakeError(const model::Json& id, std::int64_t code, std::string_view message);

// What we say to a server's question for the user (elicitation/create): there is nobody, so the
// answer is the form's own defaults; a form that needs more than them is declined.
model::Json AnswerElicitation(const model::Json& params);

// The answer to a request of the server: elicitation, ping, roots; anything else is an error.
model::Json AnswerServer(const Message& request);

}  // namespace fabro::agent::mcp
