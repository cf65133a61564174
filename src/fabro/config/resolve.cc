#include "fabro/config/resolve.h"

#include <algorithm>
#include <utility>

namespace fabro::config {
namespace {

using Entries = std::map<std::string, Entry, std::less<>>;

void MergeByKey(Entry& into, Entry&& from) {
  auto& map = std::get<templates::Map>(into.value);
  for (templates::Member& member : std::get<templates::Map>(from.value).members) {
    map.Set(std::move(member.name), std::move(member.value));
  }
  into.origin = std::move(from.origin);
}

// A layer that says anything of the network says all of it: a list of one layer under the mode of
// another would be nobody's wish (environments, section 4).
void DropNetworkBelow(Entries& merged, const Layer& layer) {
  constexpr std::string_view kNetwork = "run.environment.network.";
  const auto within = [&](const auto& entry) { return entry.first.starts_with(kNetwork); };
  if (std::none_of(layer.entries.begin(), layer.entries.end(), within)) return;
  std::erase_if(merged, within);
}

void Lay(Entries& merged, Layer&& layer) {
  DropNetworkBelow(merged, layer);
  for (auto& [path, entry] : layer.entries) {
    if (path == "run.goal") merged.erase("run.goal_file");
    if (path == "run.goal_file") merged.erase("run.goal");
    const bool by_key = path == "run.labels" || path == "run.environment.env" ||
                        (path == "run.inputs" && layer.kind == LayerKind::kFlags);
    const auto known = merged.find(path);
    if (by_key && known != merged.end()) {
      MergeByKey(known->second, std::move(entry));
    } else {
      merged.insert_or_assign(path, std::move(entry));
    }
  }
}

template <typename T, typename U>
void Take(const Entries& merged, std::string_view path, U& into) {
  const auto it = merged.find(path);
  if (it != merged.end()) into = std::get<T>(it->second.value);
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

Result<Settings> Resolve(std::vector<Layer> layers) {
  std::stable_sort(layers.begin(), layers.end(),
                   [](const Layer& a, const Layer& b) { return a.kind < b.kind; });
  Entries merged;
  for (Layer& layer : layers) Lay(merged, std::move(layer));

  Settings settings;
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
  Take<std::string>(merged, "run.git.author.name", settings.git_author_name);
  Take<std::string>(merged, "run.git.author.email", settings.git_author_email);
  Take<bool>(merged, "run.clone.enabled", settings.clone_enabled);
  Take<bool>(merged, "run.auto_resume", settings.auto_resume);
  Take<bool>(merged, "run.trust_local", settings.trust_local);
  for (auto& [path, entry] : merged) settings.origins.emplace(path, std::move(entry.origin));
  if (!IsSlug(settings.environment)) {
    return Failure(Code::kInvalidArgument,
                   "'" + settings.environment + "' is no name of an environment (" +
                       settings.OriginOf("run.environment.id").place + ")",
                   "bad_settings", "names are lower-case letters, digits and '-'");
  }
  return settings;
}

}  // namespace fabro::config
