#include "fabro/config/schema.h"

#include <algorithm>
#include <array>
#include <vector>

#include "fabro/base/nearest.h"

namespace fabro::config {
namespace {

constexpr auto kMachineOnly = Row::Where::kMachineOnly;
constexpr auto kInert = Row::Where::kMachineElseInert;

constexpr auto kRows = std::to_array<Row>({
    {"_version", Type::kPositive, "version of the schema", "1"},
    {"project.name", Type::kString, "name of the project"},
    {"project.description", Type::kString, "what the project is"},
    {"workflow.graph", Type::kString, "the graph, a path from this file", "\"workflow.fabro\""},
    {"run.goal", Type::kGoal, "what the run should achieve"},
    {"run.goal_file", Type::kString, "a file with the goal"},
    {"run.working_dir", Type::kString, "directory of tools and commands"},
    {"run.trust_local",
     Type::kBool,
     "do not warn that `local` isolates nothing",
     "false",
     {},
     kMachineOnly},
    {"run.auto_resume", Type::kBool, "go on by itself after a crash", "true"},
    {"run.labels", Type::kTexts, "labels of the run; layers merge by key"},
    {"run.inputs", Type::kScalars, "template inputs; the highest table wins whole, then -I by key"},
    {"run.model.name", Type::kString, "model of agents and prompts"},
    {"run.model.provider", Type::kString, "who serves the model"},
    {"run.model.fallbacks", Type::kFallbacks,
     "models to go on with when one fails; \"...\" stands for the list below", "[]"},
    {"run.model.controls.reasoning_effort", Type::kString, "how much a model thinks"},
    {"run.model.controls.speed", Type::kString, "speed class of a model"},
    {"run.prepare.steps", Type::kSteps,
     "commands before the first stage: script or command, env, "
     "timeout",
     "[]"},
    {"run.budget.tokens", Type::kPositive, "most tokens of the whole run"},
    {"run.budget.cost_usd", Type::kNumber, "most money of the whole run, in dollars"},
    {"run.budget.wall", Type::kDuration, "most time that the run is running"},
    {"run.budget.on_limit", Type::kString, "what happens there", "\"pause\"", "pause|fail"},
    {"run.execution.approval", Type::kString, "who answers gates", "\"prompt\"", "prompt|auto"},
    {"run.execution.mode", Type::kString, "dry_run executes nothing", "\"normal\"",
     "normal|dry_run"},
    {"run.execution.retros", Type::kBool, "a look back by an agent at the end", "false"},
    {"run.checkpoint.exclude_globs", Type::kStrings, "what checkpoints leave out", "[]"},
    {"run.clone.enabled", Type::kBool, "the workspace is a clone of the repository", "true"},
    {"run.artifacts.include", Type::kStrings, "globs of what is collected after each stage", "[]"},
    {"run.artifacts.result_limit", Type::kSize, "largest saved workspace", "\"1GiB\""},
    {"run.artifacts.events", Type::kBool, "write events.jsonl while the run goes", "false"},
    {"run.git.author.name", Type::kString, "author of checkpoint commits", "\"fabro\""},
    {"run.git.author.email", Type::kString, "their address", "\"fabro@local\""},
    {"run.agent.permissions", Type::kString, "what agents may do unasked", "\"read-write\"",
     "read-only|read-write|full"},
    {"run.agent.approval_timeout", Type::kDuration, "how long a permission is waited for",
     "\"30m\""},
    {"run.agent.fabro_tools", Type::kBool, "agents may start runs", "false"},
    {"run.agent.skill_dirs", Type::kInherited,
     "directories of skills; \"...\" stands for the list below", "[]"},
    {"run.agent.mcps.*.type",
     Type::kString,
     "how the MCP server is reached",
     {},
     "stdio|http|sandbox"},
    {"run.agent.mcps.*.command", Type::kStrings, "its argv"},
    {"run.agent.mcps.*.script", Type::kString, "or a script for sh -c"},
    {"run.agent.mcps.*.url", Type::kString, "of type http"},
    {"run.agent.mcps.*.port", Type::kPositive, "of type sandbox"},
    {"run.agent.mcps.*.env", Type::kTexts, "its environment; {{ env.X }}, {{ secrets.X }}"},
    {"run.agent.mcps.*.headers", Type::kTexts, "of type http; {{ env.X }}, {{ secrets.X }}"},
    {"run.agent.mcps.*.startup_timeout", Type::kDuration, "to be ready", "\"10s\""},
    {"run.agent.mcps.*.tool_timeout", Type::kDuration, "of one call", "\"60s\""},
    {"run.agent.mcps.*.outside_network_policy",
     Type::kBool,
     "may reach what the environment forbids",
     "false",
     {},
     kMachineOnly},
    {"run.hooks", Type::kHooks, "commands, requests and prompts at events of the run"},
    {"run.environment.id", Type::kString, "the environment", "\"default\""},
    {"run.environment.workspace",
     Type::kString,
     "short form of namespace.workspace",
     {},
     "clone|empty"},
    {"run.environment.resources.cpu", Type::kCount, "cores"},
    {"run.environment.resources.memory", Type::kSize, "memory"},
    {"run.environment.resources.disk", Type::kSize, "total of all writable places"},
    {"run.environment.network.mode",
     Type::kString,
     "what commands may reach",
     {},
     "block|allow_all|cidr_allow_list|host_allow_list"},
    {"run.environment.network.allow", Type::kStrings, "CIDRs of cidr_allow_list"},
    {"run.environment.network.allow_hosts", Type::kStrings, "names of host_allow_list"},
    {"run.environment.network.allow_ports", Type::kPorts, "TCP ports", "[80, 443]"},
    {"run.environment.namespace.egress_ports", Type::kPorts, "ports of a way out without a list"},
    {"run.environment.env", Type::kTexts,
     "environment of every command; {{ env.X }}, {{ secrets.X }}; layers merge by key"},
    {"run.environment.namespace.level", Type::kString, "how closed the sandbox is", "\"medium\"",
     "low|medium|high"},
    {"run.environment.namespace.workspace", Type::kString, "where the workspace comes from",
     "\"clone\"", "clone|empty"},
    {"run.environment.namespace.rootfs", Type::kString,
     "host-dirs, dir:, tar: or oci:", "\"host-dirs\""},
    {"run.environment.image.docker", Type::kString, "oci:/DIR:TAG"},
    {"run.environment.namespace.store", Type::kString, "where the writable tree is", "\"disk\"",
     "disk|memory"},
    {"run.environment.namespace.degrade", Type::kStrings, "layers that may be missing", "[]"},
    {"run.environment.namespace.max_processes", Type::kCount, "processes at once", "4096"},
    {"run.environment.namespace.max_file_descriptors", Type::kCount, "descriptors of a process",
     "8192"},
    {"run.environment.local.strict_env", Type::kBool, "commands see a short list of variables",
     "true"},
    {"run.environment.local.filter_explicit_env", Type::kBool,
     "names that look like secrets are dropped from env", "false"},
    {"llm.providers.*.api", Type::kString, "wire format of the provider"},
    {"llm.providers.*.base_url", Type::kString, "where it listens"},
    {"llm.providers.*.api_key_env", Type::kString, "variable with the key"},
    {"llm.providers.*.headers", Type::kTexts, "further headers"},
    {"llm.providers.*.file", Type::kString,
     "turns of the scripted provider, a path from this file"},
    {"cli.target.type", Type::kString, "how a server is reached", {}, "http|unix", kInert},
    {"cli.target.url", Type::kString, "address of a server", {}, {}, kInert},
    {"cli.target.path", Type::kString, "socket of a server", {}, {}, kInert},
    {"cli.target.tls.cert", Type::kString, "client certificate, PEM", {}, {}, kInert},
    {"cli.target.tls.key", Type::kString, "its key, PEM", {}, {}, kInert},
    {"cli.target.tls.ca", Type::kString, "roots instead of the system's, PEM", {}, {}, kInert},
    {"cli.exec.prevent_idle_sleep", Type::kBool, "keep the machine awake", "false", {}, kInert},
    {"cli.exec.model.provider", Type::kString, "of fabro exec", {}, {}, kInert},
    {"cli.exec.model.name", Type::kString, "of fabro exec", {}, {}, kInert},
    {"cli.exec.agent.permissions", Type::kString, "of fabro exec", "\"read-write\"",
     "read-only|read-write|full", kInert},
    {"cli.output.format", Type::kString, "what commands print", "\"text\"", "text|json", kInert},
    {"cli.output.verbosity", Type::kString, "how much they say", "\"normal\"",
     "quiet|normal|verbose", kInert},
    {"cli.logging.level", Type::kString, "log level", "\"info\"", "trace|debug|info|warn|error",
     kInert},
    {"cli.updates.check", Type::kBool, "look for newer versions", "true", {}, kInert},
    // Of later versions.
    {"environments", Type::kLater},
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
    {"run.integrations", Type::kLater},
    {"run.meta_branch", Type::kLater},
    {"run.pull_request", Type::kLater},
    {"run.run_branch", Type::kLater},
    {"run.sandbox", Type::kLater},
    // Read by programs that are not built yet; harmless in a file that others share.
    {"cli.exec.agent.mcps", Type::kIgnored},
    {"features", Type::kIgnored},
    {"server", Type::kIgnored},
});

// run.md 2.7.
constexpr auto kOldKeys = std::to_array<OldKey>({
    {"version", "_version", false},
    {"graph", "workflow.graph"},
    {"goal", "run.goal"},
    {"directory", "run.working_dir"},
    {"run.directory", "run.working_dir"},
    {"llm.model", "run.model.name"},
    {"llm.provider", "run.model.provider"},
    {"llm.fallbacks", "run.model.fallbacks"},
    {"setup.commands", "run.prepare.steps"},
    {"setup.timeout_ms", "run.prepare.steps"},
    {"sandbox", "run.environment", false},
    {"execution", "run.environment", false},
    {"vars", "run.inputs"},
    {"run.vars", "run.inputs"},
    {"assets", "run.artifacts"},
    {"mcp_servers", "run.agent.mcps"},
    {"hooks", "run.hooks"},
    {"pull_request", "run.pull_request"},
    {"checkpoint", "run.checkpoint"},
    {"git.author", "run.git.author"},
    {"exec", "cli.exec"},
    {"log", "cli.logging"},
    {"verbose", "cli.output.verbosity"},
    {"mode", "cli.target", false},
    {"server.base_url", "cli.target.url"},
    {"server.tls", "cli.target.tls"},
    {"retro.enabled", "run.execution.retros"},
    {"features.retros", "run.execution.retros"},
    {"run.environment.image.ref", "run.environment.image.docker"},
});

bool IsBelow(std::string_view path, std::string_view above) {
  return path.size() > above.size() && path.starts_with(above) && path[above.size()] == '.';
}

// The first name of a path, cut off it.
std::string_view TakeName(std::string_view& path) {
  const std::size_t dot = std::min(path.find('.'), path.size());
  const std::string_view name = path.substr(0, dot);
  path.remove_prefix(std::min(dot + 1, path.size()));
  return name;
}

// Whether `pattern`, in which "*" is any one name, is `path` or, with `above`, begins below it.
bool Matches(std::string_view pattern, std::string_view path, bool above) {
  while (!path.empty()) {
    if (pattern.empty()) return false;
    const std::string_view wanted = TakeName(pattern);
    const std::string_view name = TakeName(path);
    if (wanted != name && wanted != "*") return false;
  }
  return above ? !pattern.empty() : pattern.empty();
}

}  // namespace

std::string_view NameOf(Type type) {
  switch (type) {
    case Type::kString:
      return "string";
    case Type::kBool:
      return "true or false";
    case Type::kCount:
      return "whole number";
    case Type::kPositive:
      return "whole number, 1 or more";
    case Type::kNumber:
      return "number above 0";
    case Type::kDuration:
      return "duration";
    case Type::kSize:
      return "size";
    case Type::kStrings:
    case Type::kInherited:
      return "list of strings";
    case Type::kPorts:
      return "list of ports";
    case Type::kGoal:
      return "string or { file = … }";
    case Type::kScalars:
      return "table of strings, numbers, booleans";
    case Type::kTexts:
      return "table of strings";
    case Type::kSteps:
    case Type::kHooks:
      return "list of tables";
    case Type::kFallbacks:
      return "list of strings, or a table of such lists";
    case Type::kLater:
      return "not supported yet";
    case Type::kIgnored:
      return "ignored";
  }
  return "unknown";
}

std::span<const Row> Schema() { return kRows; }

const Row* FindRow(std::string_view path) {
  for (const Row& row : kRows) {
    if (Matches(row.path, path, false)) return &row;
  }
  for (const Row& row : kRows) {
    const bool covers = row.type == Type::kLater || row.type == Type::kIgnored;
    if (covers && IsBelow(path, row.path)) return &row;
  }
  return nullptr;
}

bool IsTablePath(std::string_view path) {
  return std::any_of(kRows.begin(), kRows.end(),
                     [path](const Row& row) { return Matches(row.path, path, true); });
}

const OldKey* FindOldKey(std::string_view path) {
  const auto found = std::find_if(kOldKeys.begin(), kOldKeys.end(),
                                  [path](const OldKey& old) { return old.path == path; });
  return found == kOldKeys.end() ? nullptr : &*found;
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
    if (row.path.find('*') == std::string_view::npos) try_key(row.path);
    // Tables can be misspelt as well.
    for (std::size_t dot = row.path.find('.'); dot != std::string_view::npos;
         dot = row.path.find('.', dot + 1)) {
      const std::string_view table = row.path.substr(0, dot);
      if (table.find('*') == std::string_view::npos) try_key(table);
    }
  }
  if (!nearest.empty()) return std::string(nearest);
  // The same below a name of the user's: "run.agent.mcps.db.comand".
  const std::size_t dot = path.rfind('.');
  if (dot == std::string_view::npos) return {};
  const std::string_view table = path.substr(0, dot);
  for (const Row& row : kRows) {
    const std::size_t last = row.path.rfind('.');
    if (last == std::string_view::npos || !Matches(row.path.substr(0, last), table, false))
      continue;
    const std::size_t distance =
        EditDistance(path.substr(dot + 1), row.path.substr(last + 1), kClose);
    if (distance >= best) continue;
    best = distance;
    nearest = row.path.substr(last + 1);
  }
  return nearest.empty() ? std::string() : std::string(table) + "." + std::string(nearest);
}

std::string AsWritten(std::string_view path) {
  const Row* row = FindRow(path);
  if (row != nullptr && (row->type == Type::kHooks || row->type == Type::kSteps)) {
    return "[[" + std::string(path) + "]]";
  }
  const std::size_t dot = path.rfind('.');
  if (dot == std::string_view::npos) {
    return IsTablePath(path) ? "[" + std::string(path) + "]" : std::string(path);
  }
  const bool table = IsTablePath(path) ||
                     (row != nullptr && (row->type == Type::kScalars || row->type == Type::kTexts));
  if (table) return "[" + std::string(path) + "]";
  return "[" + std::string(path.substr(0, dot)) + "] " + std::string(path.substr(dot + 1));
}

}  // namespace fabro::config
