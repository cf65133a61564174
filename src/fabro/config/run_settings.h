// The larger parts of Settings as plain values: model, budget, agent, hooks, the command line's
// own. Texts that may hold {{ env.X }} or {{ secrets.X }} are as they were written: interpolate.h.
// Spec: run, sections 2.4 and 2.8.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/duration.h"

namespace fabro::config {

// Lowest first. Flags win.
enum class LayerKind { kBuiltIn, kMachine, kProject, kWorkflow, kEnvironment, kFlags };

std::string_view ToString(LayerKind kind);

// Where a value was written: "settings.toml:3:1", "FABRO_ENVIRONMENT", "--environment".
struct Origin {
  LayerKind layer = LayerKind::kBuiltIn;
  std::string place;

  friend bool operator==(const Origin&, const Origin&) = default;
};

// Whether the text of this layer comes with a repository, and is not its user's own.
constexpr bool OfRepository(LayerKind kind) {
  return kind == LayerKind::kProject || kind == LayerKind::kWorkflow;
}

// A command that prepares the sandbox before the first node: `script` or `command`, not both.
struct PrepareStep {
  std::string script;                // For `sh -c`.
  std::vector<std::string> command;  // Or an argv.
  std::map<std::string, std::string> env;
  Nanos timeout = std::chrono::minutes(5);

  friend bool operator==(const PrepareStep&, const PrepareStep&) = default;
};

// [run.model] fallbacks: for every model, and for some of them.
struct Fallbacks {
  std::vector<std::string> all;
  std::map<std::string, std::vector<std::string>> of_model;

  friend bool operator==(const Fallbacks&, const Fallbacks&) = default;
};

struct ModelSettings {
  std::optional<std::string> name;
  std::optional<std::string> provider;
  Fallbacks fallbacks;
  std::optional<std::string> reasoning_effort;
  std::optional<std::string> speed;

  friend bool operator==(const ModelSettings&, const ModelSettings&) = default;
};

// Of the whole run with its sub-runs. Unset: unlimited.
struct Budget {
  std::optional<std::int64_t> tokens;
  std::optional<double> cost_usd;
  std::optional<Nanos> wall;
  bool fail_on_limit = false;  // Else the run pauses.

  friend bool operator==(const Budget&, const Budget&) = default;
};

struct McpServer {
  std::string type;  // "stdio", "http", "sandbox".
  std::vector<std::string> command;
  std::string script;  // Instead of `command`.
  std::string url;
  std::optional<std::int64_t> port;
  std::map<std::string, std::string> env;      // Not interpolated.
  std::map<std::string, std::string> headers;  // Not interpolated.
  Nanos startup_timeout = std::chrono::seconds(10);
  Nanos tool_timeout = std::chrono::seconds(60);
  bool outside_network_policy = false;

  friend bool operator==(const McpServer&, const McpServer&) = default;
};

struct AgentSettings {
  std::optional<std::string> permissions;  // "read-only", "read-write", "full".
  Nanos approval_timeout = std::chrono::minutes(30);
  bool fabro_tools = false;
  std::vector<std::string> skill_dirs;
  std::map<std::string, McpServer> mcps;

  friend bool operator==(const AgentSettings&, const AgentSettings&) = default;
};

// [[run.hooks]], workflow language 17.
struct Hook {
  std::string id;  // The same id in a higher layer replaces it.
  std::string name;
  std::vector<std::string> events;
  std::string type = "command";  // Or "http", "prompt", "agent".
  std::string script;
  std::vector<std::string> command;
  std::string url;
  std::map<std::string, std::string> headers;  // Not interpolated.
  std::vector<std::string> allowed_env_vars;
  std::string tls = "verify";  // Or "no_verify", "off".
  std::string prompt;
  std::string model;
  std::int64_t max_tool_rounds = 50;
  std::string matcher;
  std::optional<bool> blocking;  // Unset: as the event says.
  Nanos timeout = std::chrono::seconds(60);
  bool sandbox = true;  // Of type command: in the sandbox, not on the host.
  Origin origin;

  friend bool operator==(const Hook&, const Hook&) = default;
};

// [llm.providers.<id>]: what differs from the catalogue. Unset: nothing said.
struct LlmProvider {
  std::optional<std::string> api;
  std::optional<std::string> base_url;
  std::optional<std::string> api_key_env;
  std::map<std::string, std::string> headers;
  std::optional<std::string> file;  // Of the scripted provider; a path from here.
  Origin origin;                    // Of its first key.

  friend bool operator==(const LlmProvider&, const LlmProvider&) = default;
};

// [cli.*], of the machine's own file alone.
struct CliSettings {
  std::string exec_model_provider;
  std::string exec_model_name;
  std::string exec_permissions = "read-write";
  std::string output_format = "text";
  std::string verbosity = "normal";
  std::string log_level = "info";

  friend bool operator==(const CliSettings&, const CliSettings&) = default;
};

}  // namespace fabro::config
