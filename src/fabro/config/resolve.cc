#include "fabro/config/resolve.h"

#include <algorithm>
#include <set>
#include <utility>

namespace fabro::config {
namespace {

using Entries = std::map<std::string, Entry, std::less<>>;

template <typename T, typename U>
void Take(const Entries& merged, std::string_view path, U& into) {
  const auto it = merged.find(path);
  if (it != merged.end()) into = std::get<T>(it->second.value);
}

std::string TextAt(const Entries& merged, std::string_view path) {
  std::string text;
  Take<std::string>(merged, path, text);
  return text;
}

void TakeTexts(const Entries& merged, std::string_view path,
               std::map<std::string, std::string>& into) {
  templates::Map map;
  Take<templates::Map>(merged, path, map);
  for (const templates::Member& member : map.members) {
    into[member.name] = templates::TextOf(member.value);
  }
}

bool IsSlug(std::string_view text) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !text.empty() && text.size() <= 63 && plain(text[0]) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return plain(c) || c == '-'; });
}

EnvironmentOverrides OverridesOf(const Entries& merged) {
  EnvironmentOverrides out;
  Take<std::int64_t>(merged, "run.environment.resources.cpu", out.cpu);
  Take<ByteSize>(merged, "run.environment.resources.memory", out.memory);
  Take<ByteSize>(merged, "run.environment.resources.disk", out.disk);
  Take<std::string>(merged, "run.environment.network.mode", out.network_mode);
  using Strings = std::vector<std::string>;
  Take<Strings>(merged, "run.environment.network.allow", out.network_allow);
  Take<Strings>(merged, "run.environment.network.allow_hosts", out.network_allow_hosts);
  Take<Strings>(merged, "run.environment.network.allow_ports", out.network_allow_ports);
  Take<Strings>(merged, "run.environment.namespace.egress_ports", out.namespace_egress_ports);
  TakeTexts(merged, "run.environment.env", out.env);
  Take<std::string>(merged, "run.environment.namespace.level", out.namespace_level);
  // The short form first: the table's own key wins.
  Take<std::string>(merged, "run.environment.workspace", out.namespace_workspace);
  Take<std::string>(merged, "run.environment.namespace.workspace", out.namespace_workspace);
  Take<std::string>(merged, "run.environment.namespace.rootfs", out.namespace_rootfs);
  Take<std::string>(merged, "run.environment.image.docker", out.image_docker);
  Take<std::string>(merged, "run.environment.namespace.store", out.namespace_store);
  Take<std::vector<std::string>>(merged, "run.environment.namespace.degrade",
                                 out.namespace_degrade);
  Take<std::int64_t>(merged, "run.environment.namespace.max_processes",
                     out.namespace_max_processes);
  Take<std::int64_t>(merged, "run.environment.namespace.max_file_descriptors",
                     out.namespace_max_file_descriptors);
  Take<bool>(merged, "run.environment.local.strict_env", out.local_strict_env);
  Take<bool>(merged, "run.environment.local.filter_explicit_env", out.local_filter_explicit_env);
  return out;
}

ModelSettings ModelOf(const Entries& merged) {
  ModelSettings out;
  Take<std::string>(merged, "run.model.name", out.name);
  Take<std::string>(merged, "run.model.provider", out.provider);
  Take<Fallbacks>(merged, "run.model.fallbacks", out.fallbacks);
  Take<std::string>(merged, "run.model.controls.reasoning_effort", out.reasoning_effort);
  Take<std::string>(merged, "run.model.controls.speed", out.speed);
  return out;
}

Budget BudgetOf(const Entries& merged) {
  Budget out;
  Take<std::int64_t>(merged, "run.budget.tokens", out.tokens);
  Take<double>(merged, "run.budget.cost_usd", out.cost_usd);
  Take<Nanos>(merged, "run.budget.wall", out.wall);
  out.fail_on_limit = TextAt(merged, "run.budget.on_limit") == "fail";
  return out;
}

// The names that users gave to the tables below `table`: "db" of "run.agent.mcps.db.url".
std::set<std::string> NamesBelow(const Entries& merged, const std::string& table) {
  std::set<std::string> names;
  for (auto it = merged.lower_bound(table); it != merged.end(); ++it) {
    if (!it->first.starts_with(table)) break;
    names.insert(it->first.substr(table.size(), it->first.find('.', table.size()) - table.size()));
  }
  return names;
}

AgentSettings AgentOf(const Entries& merged) {
  AgentSettings out;
  Take<std::string>(merged, "run.agent.permissions", out.permissions);
  Take<Nanos>(merged, "run.agent.approval_timeout", out.approval_timeout);
  Take<bool>(merged, "run.agent.fabro_tools", out.fabro_tools);
  Take<std::vector<std::string>>(merged, "run.agent.skill_dirs", out.skill_dirs);
  for (const std::string& name : NamesBelow(merged, "run.agent.mcps.")) {
    const std::string at = "run.agent.mcps." + name + ".";
    McpServer& server = out.mcps[name];
    Take<std::string>(merged, at + "type", server.type);
    Take<std::vector<std::string>>(merged, at + "command", server.command);
    Take<std::string>(merged, at + "script", server.script);
    Take<std::string>(merged, at + "url", server.url);
    Take<std::int64_t>(merged, at + "port", server.port);
    TakeTexts(merged, at + "env", server.env);
    TakeTexts(merged, at + "headers", server.headers);
    Take<Nanos>(merged, at + "startup_timeout", server.startup_timeout);
    Take<Nanos>(merged, at + "tool_timeout", server.tool_timeout);
    Take<bool>(merged, at + "outside_network_policy", server.outside_network_policy);
  }
  return out;
}

std::map<std::string, LlmProvider> LlmProvidersOf(const Entries& merged) {
  std::map<std::string, LlmProvider> out;
  for (const std::string& name : NamesBelow(merged, "llm.providers.")) {
    const std::string at = "llm.providers." + name + ".";
    LlmProvider& provider = out[name];
    Take<std::string>(merged, at + "api", provider.api);
    Take<std::string>(merged, at + "base_url", provider.base_url);
    Take<std::string>(merged, at + "api_key_env", provider.api_key_env);
    TakeTexts(merged, at + "headers", provider.headers);
    Take<std::string>(merged, at + "file", provider.file);
    provider.origin = merged.lower_bound(at)->second.origin;
  }
  return out;
}

CliSettings CliOf(const Entries& merged) {
  CliSettings out;
  Take<std::string>(merged, "cli.exec.model.provider", out.exec_model_provider);
  Take<std::string>(merged, "cli.exec.model.name", out.exec_model_name);
  Take<std::string>(merged, "cli.exec.agent.permissions", out.exec_permissions);
  Take<std::string>(merged, "cli.output.format", out.output_format);
  Take<std::string>(merged, "cli.output.verbosity", out.verbosity);
  Take<std::string>(merged, "cli.logging.level", out.log_level);
  return out;
}

Error Bad(const Settings& settings, std::string path, std::string message, std::string fix) {
  return Failure(Code::kInvalidArgument,
                 settings.OriginOf(path).place + ": " + path + ": " + std::move(message),
                 "bad_settings", std::move(fix));
}

// An MCP server is merged field by field, so it is looked at as a whole only here.
Status CheckServer(const Settings& settings, const std::string& name, const McpServer& server) {
  const std::string at = "run.agent.mcps." + name;
  const bool program = !server.command.empty() || !server.script.empty();
  const auto& origins = settings.origins;
  const std::string first = origins.lower_bound(at + ".")->first;
  if (server.type.empty()) {
    return Bad(settings, first, "the server has no type", "set type to stdio, http or sandbox");
  }
  if (!server.command.empty() && !server.script.empty()) {
    return Bad(settings, first, "the server has both command and script", "keep one");
  }
  if (server.type == "http" ? server.url.empty() || program : !program) {
    return Bad(
        settings, first,
        "a server of type " + server.type + " has " +
            (server.type == "http" ? "a url, and no command or script" : "a command or a script"),
        "see fabro settings --keys");
  }
  return {};
}

Status Check(const Settings& settings) {
  if (!IsSlug(settings.environment)) {
    return Failure(Code::kInvalidArgument,
                   "'" + settings.environment + "' is no name of an environment (" +
                       settings.OriginOf("run.environment.id").place + ")",
                   "bad_settings", "names are lower-case letters, digits and '-'");
  }
  const auto& permissions = settings.agent.permissions;  // A variable may hold any word.
  if (permissions && *permissions != "read-only" && *permissions != "read-write" &&
      *permissions != "full") {
    return Bad(settings, "run.agent.permissions", "'" + *permissions + "' is not supported",
               "write read-only, read-write or full");
  }
  for (const auto& [name, server] : settings.agent.mcps) TRY(CheckServer(settings, name, server));
  return {};
}

}  // namespace

std::string_view ToString(LayerKind kind) {
  switch (kind) {
    case LayerKind::kBuiltIn:
      return "built-in";
    case LayerKind::kMachine:
      return "machine";
    case LayerKind::kProject:
      return "project";
    case LayerKind::kWorkflow:
      return "workflow";
    case LayerKind::kEnvironment:
      return "environment variable";
    case LayerKind::kFlags:
      return "flag";
  }
  return "built-in";
}

Origin Settings::OriginOf(std::string_view path) const {
  const auto it = origins.find(path);
  return it == origins.end() ? Origin{LayerKind::kBuiltIn, "built-in"} : it->second;
}

Result<Settings> ToSettings(Merged all) {
  Entries& merged = all.entries;
  Settings settings;
  settings.notes = std::move(all.notes);
  Take<std::string>(merged, "workflow.graph", settings.graph);
  Take<std::string>(merged, "run.goal", settings.goal);
  Take<std::string>(merged, "run.goal_file", settings.goal_file);
  Take<std::string>(merged, "run.working_dir", settings.working_dir);
  Take<templates::Map>(merged, "run.inputs", settings.inputs);
  TakeTexts(merged, "run.labels", settings.labels);
  Take<std::string>(merged, "run.environment.id", settings.environment);
  settings.overrides = OverridesOf(merged);
  Take<std::vector<PrepareStep>>(merged, "run.prepare.steps", settings.prepare_steps);
  Take<std::vector<std::string>>(merged, "run.checkpoint.exclude_globs",
                                 settings.checkpoint_exclude_globs);
  Take<std::vector<std::string>>(merged, "run.artifacts.include", settings.artifact_include);
  Take<ByteSize>(merged, "run.artifacts.result_limit", settings.artifact_result_limit);
  Take<bool>(merged, "run.artifacts.events", settings.artifact_events);
  Take<std::string>(merged, "run.git.author.name", settings.git_author_name);
  Take<std::string>(merged, "run.git.author.email", settings.git_author_email);
  Take<bool>(merged, "run.clone.enabled", settings.clone_enabled);
  Take<bool>(merged, "run.auto_resume", settings.auto_resume);
  Take<bool>(merged, "run.trust_local", settings.trust_local);
  settings.auto_approve = TextAt(merged, "run.execution.approval") == "auto";
  settings.dry_run = TextAt(merged, "run.execution.mode") == "dry_run";
  Take<bool>(merged, "run.execution.retros", settings.retros);
  settings.model = ModelOf(merged);
  settings.budget = BudgetOf(merged);
  settings.agent = AgentOf(merged);
  Take<std::vector<Hook>>(merged, "run.hooks", settings.hooks);
  settings.llm_providers = LlmProvidersOf(merged);
  settings.cli = CliOf(merged);
  for (auto& [path, entry] : merged) settings.origins.emplace(path, std::move(entry.origin));
  TRY(Check(settings));
  return settings;
}

Result<Settings> Resolve(std::vector<Layer> layers) { return ToSettings(Merge(std::move(layers))); }

}  // namespace fabro::config
