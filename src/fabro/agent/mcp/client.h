// A connection to one MCP server, and its tools as tools of ours: `mcp__<server>__<tool>`, category
// shell (agent, section 11).
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "fabro/agent/mcp/transport.h"
#include "fabro/agent/tools/tool.h"
#include "fabro/base/duration.h"

namespace fabro::agent::mcp {

struct RemoteTool {
  std::string name;
  std::string description;
  model::Json schema;  // An object schema.
};

class Client {
 public:
  // The handshake. kUnimplemented "mcp_protocol": the server speaks no revision that we know.
  static Result<std::unique_ptr<Client>> Connect(std::unique_ptr<Transport> transport,
                                                 Nanos startup_timeout, int cancel_fd = -1);

  // At most a thousand.
  Result<std::vector<RemoteTool>> ListTools(Nanos timeout, int cancel_fd = -1);
  // Text of the result's blocks; images, audio and resources as placeholders. What fails is a
  // ToolResult.
  ToolResult CallTool(const std::string& name, const model::Json& arguments, Nanos timeout,
                      int cancel_fd);

  const std::string& server_name() const { return server_name_; }

 private:
  explicit Client(std::unique_ptr<Transport> transport) : transport_(std::move(transport)) {}
  Result<model::Json> Request(std::string_view method, model::Json params, Nanos timeout,
                              int cancel_fd);

  std::unique_ptr<Transport> transport_;
  std::mutex mutex_;  // next_id_.
  std::int64_t next_id_ = 1;
  std::string server_name_;
};

// "mcp__files__read_it": other characters become '_', at most 64.
std::string ToolName(std::string_view server, std::string_view tool);

// The server's tools, ready for a toolbox; they keep the client alive.
Result<std::vector<Tool>> ToolsOf(const std::string& server, std::shared_ptr<Client> client,
                                  Nanos startup_timeout, Nanos tool_timeout);

}  // namespace fabro::agent::mcp
