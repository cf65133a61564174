// Agents at work in a run: a session for each stage, or for each thread of stages, over the run's
// sandbox (workflow language, 3.2 and 3.3). What `agent.h` promises to the engine.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "fabro/agent/agent.h"
#include "fabro/agent/llm/model.h"
#include "fabro/agent/permissions/permissions.h"
#include "fabro/agent/stage/servers.h"
#include "fabro/base/clock.h"
#include "fabro/base/duration.h"

namespace fabro::agent {

// A model ready to be called, and what is known of it.
struct OpenedModel {
  std::shared_ptr<llm::Model> model;
  std::string id;        // Canonical: what requests name.
  std::string provider;  // "anthropic".
  std::int64_t context_window = 200'000;
  bool vision = false;
  std::string knowledge_cutoff{};
};

// Called once for each execution of a stage. Errors are configuration: no key, unknown provider.
using ModelOpener = std::function<Result<OpenedModel>(const ModelChoice& choice, bool dry_run)>;

struct AgentsConfig {
  ModelOpener open_model;
  std::optional<Level> level{};                       // Unset: full, the sandbox is the boundary.
  Nanos approval_timeout = std::chrono::minutes(30);  // Of a permission question.
  // Of a stage that names none.
  std::string reasoning_effort = "high";
  std::string speed{};
  std::string user_instructions{};
  std::map<std::string, std::size_t> tool_output_limits{};
  std::vector<McpServerConfig> mcp_servers{};
  // Which hosts may be reached from outside of a sandbox whose network is restricted: by servers
  // and by web_fetch and web_search. Null: none.
  mcp::Admit admit{};
  std::string search_key{};  // Of Brave Search; empty: no web_search.
  // What must not leave: applied to every text of every event. Null: nothing.
  std::function<std::string(std::string)> redact{};
};

std::unique_ptr<Agents> MakeAgents(AgentsConfig config, Clock& clock);

}  // namespace fabro::agent
