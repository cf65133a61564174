#include "fabro/config/schema.h"

#include <algorithm>
#include <array>
#include <vector>

#include "fabro/base/nearest.h"

namespace fabro::config {
namespace {

constexpr auto kRows = std::to_array<Row>({
    {"_version", Type::kCount},
    {"project.name", Type::kString},
    {"project.description", Type::kString},
    {"workflow.graph", Type::kString},
    {"run.goal", Type::kGoal},
    {"run.goal_file", Type::kString},
    {"run.working_dir", Type::kString},
    {"run.trust_local", Type::kBool, {}, true},
    {"run.auto_resume", Type::kBool},
    {"run.labels", Type::kTexts},
    {"run.inputs", Type::kScalars},
    {"run.prepare.steps", Type::kSteps},
    {"run.checkpoint.exclude_globs", Type::kStrings},
    {"run.clone.enabled", Type::kBool},
    {"run.artifacts.include", Type::kStrings},
    {"run.artifacts.result_limit", Type::kSize},
    {"run.git.author.name", Type::kString},
    {"run.git.author.email", Type::kString},
    {"run.environment.id", Type::kString},
    {"run.environment.workspace", Type::kString, "clone|empty"},
    {"run.environment.resources.cpu", Type::kCount},
    {"run.environment.resources.memory", Type::kSize},
    {"run.environment.resources.disk", Type::kSize},
    {"run.environment.network.mode", Type::kString,
     "block|allow_all|cidr_allow_list|host_allow_list"},
    {"run.environment.network.allow", Type::kStrings},
    {"run.environment.network.allow_hosts", Type::kStrings},
    {"run.environment.network.allow_ports", Type::kPorts},
    {"run.environment.namespace.egress_ports", Type::kPorts},
    {"run.environment.env", Type::kTexts},
    {"run.environment.namespace.level", Type::kString, "low|medium|high"},
    {"run.environment.namespace.workspace", Type::kString, "clone|empty"},
    {"run.environment.namespace.rootfs", Type::kString},
    {"run.environment.image.docker", Type::kString},
    {"run.environment.namespace.store", Type::kString, "disk|memory"},
    {"run.environment.namespace.degrade", Type::kStrings},
    {"run.environment.namespace.max_processes", Type::kCount},
    {"run.environment.namespace.max_file_descriptors", Type::kCount},
    {"run.environment.local.strict_env", Type::kBool},
    {"run.environment.local.filter_explicit_env", Type::kBool},
    // Of later versions.
    {"environments", Type::kLater},
    {"llm", Type::kLater},
    {"run.agent", Type::kLater},
    {"run.artifacts.events", Type::kLater},
    {"run.budget", Type::kLater},
    {"run.checkpoint.skip_git_hooks", Type::kLater},
    {"run.clone.branch", Type::kLater},
    {"run.clone.depth", Type::kLater},
    {"run.environment.daytona", Type::kLater},
    {"run.environment.devcontainer", Type::kLater},
    {"run.environment.docker", Type::kLater},
    {"run.environment.image.dockerfile", Type::kLater},
    {"run.environment.labels", Type::kLater},
    {"run.environment.lifecycle", Type::kLater},
    {"run.environment.local.worktree_mode", Type::kLater},
    {"run.environment.namespace.auto_pull", Type::kLater},
    {"run.environment.namespace.host_dirs", Type::kLater},
    {"run.environment.namespace.mounts", Type::kLater},
    {"run.environment.namespace.user", Type::kLater},
    {"run.environment.namespace.writable_root", Type::kLater},
    {"run.environment.network.vpn", Type::kLater},
    {"run.environment.volumes", Type::kLater},
    {"run.execution", Type::kLater},
    {"run.hooks", Type::kLater},
    {"run.integrations", Type::kLater},
    {"run.meta_branch", Type::kLater},
    {"run.model", Type::kLater},
    {"run.pull_request", Type::kLater},
    {"run.run_branch", Type::kLater},
    {"run.sandbox", Type::kLater},
    // Read by programs that are not built yet; harmless in a file that others share.
    {"cli", Type::kIgnored},
    {"features", Type::kIgnored},
    {"server", Type::kIgnored},
});

struct OldKey {
  std::string_view path;
  std::string_view now;
};

// run.md 2.7.
constexpr auto kOldKeys = std::to_array<OldKey>({
    {"version", "_version"},
    {"graph", "[workflow] graph"},
    {"goal", "[run] goal"},
    {"directory", "[run] working_dir"},
    {"run.directory", "[run] working_dir"},
    {"setup", "[run.prepare]"},
    {"sandbox", "[run.environment]"},
    {"execution", "[run.environment]"},
    {"vars", "[run.inputs]"},
    {"assets", "[run.artifacts]"},
    {"mcp_servers", "[run.agent.mcps]"},
    {"hooks", "[[run.hooks]]"},
    {"pull_request", "[run.pull_request]"},
    {"checkpoint", "[run.checkpoint]"},
    {"git", "[run.git]"},
    {"exec", "[cli.exec]"},
    {"log", "[cli.logging]"},
    {"verbose", "[cli.output]"},
    {"mode", "[cli.target]"},
    {"retro", "[run.execution] retros"},
});

bool IsBelow(std::string_view path, std::string_view above) {
  return path.size() > above.size() && path.starts_with(above) && path[above.size()] == '.';
}

}  // namespace

std::span<const Row> Schema() { return kRows; }

const Row* FindRow(std::string_view path) {
  for (const Row& row : kRows) {
    if (row.path == path) return &row;
    const bool covers = row.type == Type::kLater || row.type == Type::kIgnored;
    if (covers && IsBelow(path, row.path)) return &row;
  }
  return nullptr;
}

bool IsTablePath(std::string_view path) {
  return std::any_of(kRows.begin(), kRows.end(),
                     [path](const Row& row) { return IsBelow(row.path, path); });
}

std::string_view NewNameOf(std::string_view path) {
  for (const OldKey& old : kOldKeys) {
    if (old.path == path) return old.now;
  }
  return {};
}

std::string NearestKey(std::string_view path) {
  constexpr std::size_t kClose = 4;
  std::size_t best = kClose + 1;
  std::string_view nearest;
  const auto try_key = [&](std::string_view known) {
    const std::size_t distance = EditDistance(path, known, kClose);
    if (distance >= best) return;
    best = distance;
    nearest = known;
  };
  for (const Row& row : kRows) {
    try_key(row.path);
    // Tables can be misspelt as well.
    for (std::size_t dot = row.path.find('.'); dot != std::string_view::npos;
         dot = row.path.find('.', dot + 1)) {
      try_key(row.path.substr(0, dot));
    }
  }
  return std::string(nearest);
}

}  // namespace fabro::config
