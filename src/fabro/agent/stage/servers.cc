#include "fabro/agent/stage/servers.h"

#include <utility>

namespace fabro::agent {
namespace {

using model::Json;

// The sandbox's network is this machine's own: nothing is kept from it.
bool IsOpen(const provider::NetworkPolicy& network) {
  return network.mode.empty() || network.mode == "host";
}

Error Refused(const McpServerConfig& config, const provider::NetworkPolicy& network) {
  return Failure(
      Code::kPermissionDenied,
      "the server would run outside of the sandbox, whose network is \"" + network.mode + "\"",
      "network_policy",
      "give the environment a network, or set [run.agent.mcps." + config.name +
          "] outside_network_policy in your own settings");
}

}  // namespace

Result<std::unique_ptr<mcp::Transport>> McpServers::Open(
    const McpServerConfig& config, const provider::NetworkPolicy& network) const {
  const bool free = IsOpen(network) || config.outside_network_policy;
  if (config.type == "stdio") {
    // Nobody can check what a process connects to.
    if (!free && network.mode != "allow_all") return Refused(config, network);
    return mcp::StartStdioTransport({.argv = config.argv, .env = config.env, .cwd = {}});
  }
  if (config.type == "http") {
    mcp::HttpServer server{.url = config.url, .headers = config.headers};
    if (!free) {
      if (network.mode == "block" || !admit_) return Refused(config, network);
      server.admit = admit_;
    }
    return mcp::MakeHttpTransport(std::move(server));
  }
  return Failure(
      Code::kUnimplemented,
      "servers of type \"" + config.type + "\" need a sandbox whose ports can be reached",
      "capability_missing");
}

Result<std::vector<Tool>> McpServers::Start(const McpServerConfig& config,
                                            const provider::NetworkPolicy& network,
                                            int cancel_fd) const {
  auto transport = TRY(Open(config, network));
  std::shared_ptr<mcp::Client> client =
      TRY(mcp::Client::Connect(std::move(transport), config.startup_timeout, cancel_fd));
  return mcp::ToolsOf(config.name, std::move(client), config.startup_timeout, config.tool_timeout);
}

Result<std::vector<Tool>> McpServers::Tools(const provider::Sandbox& sandbox,
                                            const EventSink& events, int cancel_fd) {
  const std::lock_guard lock(mutex_);
  if (std::exchange(started_, true)) return tools_;
  const provider::NetworkPolicy network = sandbox.Network();
  for (const McpServerConfig& config : configs_) {
    auto tools = Start(config, network, cancel_fd);
    Json about = Json::MakeObject();
    about.Set("server_name", config.name);
    if (!tools.ok()) {
      about.Set("error", tools.error().message).SetIfAny("code", tools.error().reason);
      about.SetIfAny("fix", tools.error().fix);
      TRY(events({.name = "agent.mcp.failed", .properties = std::move(about)}));
      continue;
    }
    about.Set("tool_count", tools->size());
    TRY(events({.name = "agent.mcp.ready", .properties = std::move(about)}));
    for (Tool& tool : *tools) tools_.push_back(std::move(tool));
  }
  return tools_;
}

}  // namespace fabro::agent
