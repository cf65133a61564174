// How messages go to an MCP server and come back. One exchange at a time; what the server asks of
// us meanwhile is answered by the transport itself (AnswerServer).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fabro/agent/mcp/message.h"
#include "fabro/base/result.h"
#include "fabro/linux/poll.h"

namespace fabro::agent::mcp {

class Transport {
 public:
  virtual ~Transport() = default;

  // Sends a request and gives the response to it. Reasons: mcp_timeout, mcp_gone, "mcp_canceled",
  // mcp_unauthorized (the server wants OAuth, which we have not), mcp_too_large, or http's.
  virtual Result<Message> Exchange(const model::Json& request, Deadline deadline,
                                   int cancel_fd) = 0;
  virtual Status Notify(const model::Json& notification, Deadline deadline) = 0;
  // After the handshake: what the server and we agreed on.
  virtual void Agreed(const std::string& protocol) = 0;
};

// Gives the address that may be connected to for a URL's host, or why none may (network policy).
// Null: any address that the host's resolver gives.
using Admit = std::function<Result<std::string>(const std::string& host, std::uint16_t port)>;

struct HttpServer {
  std::string url;
  std::map<std::string, std::string> headers;  // Secrets among them: never in an Error.
  Admit admit{};
};
std::unique_ptr<Transport> MakeHttpTransport(HttpServer server);

struct StdioServer {
  std::vector<std::string> argv;
  std::vector<std::string> env;  // "NAME=value", all of it.
  std::string cwd;
};
// Starts the process; it ends with the transport.
Result<std::unique_ptr<Transport>> StartStdioTransport(StdioServer server);

}  // namespace fabro::agent::mcp
