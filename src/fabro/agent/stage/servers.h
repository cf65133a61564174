// The MCP servers of a run: started once, when the first session wants tools, and shared by all. A
// server that cannot be had is told as an event and left out; the run goes on (agent, 4.8 and 11).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "fabro/agent/loop/event.h"
#include "fabro/agent/mcp/client.h"
#include "fabro/base/duration.h"
#include "fabro/provider/provider.h"

namespace fabro::agent {

struct McpServerConfig {
  std::string name;
  std::string type;  // "stdio", "http", "sandbox".
  std::vector<std::string> argv;
  std::string url;
  std::map<std::string, std::string> headers{};  // References filled in.
  std::vector<std::string> env{};                // "NAME=value", all of it.
  Nanos startup_timeout = std::chrono::seconds(10);
  Nanos tool_timeout = std::chrono::seconds(60);
  bool outside_network_policy = false;
};

class McpServers {
 public:
  // `admit` says which hosts may be reached where the sandbox's network is restricted; null: none.
  McpServers(std::vector<McpServerConfig> configs, mcp::Admit admit)
      : configs_(std::move(configs)), admit_(std::move(admit)) {}

  // All tools of all servers. Blocks while they start.
  Result<std::vector<Tool>> Tools(const provider::Sandbox& sandbox, const EventSink& events,
                                  int cancel_fd);

 private:
  Result<std::vector<Tool>> Start(const McpServerConfig& config,
                                  const provider::NetworkPolicy& network, int cancel_fd) const;
  Result<std::unique_ptr<mcp::Transport>> Open(const McpServerConfig& config,
                                               const provider::NetworkPolicy& network) const;

  std::vector<McpServerConfig> configs_;
  mcp::Admit admit_;
  std::mutex mutex_;
  bool started_ = false;
  std::vector<Tool> tools_;
};

}  // namespace fabro::agent
