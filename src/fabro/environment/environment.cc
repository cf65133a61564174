#include "fabro/environment/environment.h"

#include <algorithm>
#include <array>

#include "fabro/environment/network.h"
#include "fabro/model/sandbox.h"

namespace fabro::environment {
namespace {

constexpr std::array<std::string_view, 3> kNotBuilt = {"default", "docker", "daytona"};
constexpr std::string_view kKnown =
    "namespace, local (and default, docker, daytona: not built yet)";

Error Refuse(std::string path, std::string message, std::string reason, std::string fix) {
  return Failure(Code::kInvalidArgument, std::move(path) + ": " + std::move(message),
                 std::move(reason), std::move(fix));
}

// The built-in behind a slug (section 2, "Seeding").
Result<ResolvedEnvironment> BuiltIn(const std::string& slug) {
  ResolvedEnvironment environment;
  environment.slug = slug;
  if (slug == "namespace") {
    environment.cpu = 2;
    environment.memory = ByteSize(4'000'000'000);
    environment.network_mode = "block";
    return environment;
  }
  if (slug == "local") {
    environment.provider = Provider::kLocal;
    return environment;
  }
  if (std::find(kNotBuilt.begin(), kNotBuilt.end(), slug) != kNotBuilt.end()) {
    const std::string provider = slug == "default" ? "docker" : slug;
    return Refuse("run.environment.id",
                  "environment '" + slug + "' needs the provider " + provider +
                      ", which this version does not have yet",
                  "provider_not_built",
                  "--environment namespace runs isolated on this machine with nothing installed");
  }
  return Refuse("run.environment.id", "unknown environment: " + slug, "unknown_environment",
                "choose one of " + std::string(kKnown));
}

void Ignored(ResolvedEnvironment& environment, std::string path) {
  environment.warnings.push_back(
      {.path = std::move(path),
       .code = "ignored_field",
       .message =
           "the provider " + std::string(ToString(environment.provider)) + " does not use it"});
}

Status ApplyRoot(ResolvedEnvironment& environment, const std::string& rootfs) {
  const std::optional<model::RootSource> source = model::ParseRootSource(rootfs);
  const bool host = source && source->kind == model::RootSource::Kind::kHostDirs;
  if (!source || (!host && !source->dir.value().starts_with('/'))) {
    return Refuse("run.environment.namespace.rootfs", "'" + rootfs + "' is no root source",
                  "invalid", "use host-dirs, or dir:, tar: or oci: with an absolute path");
  }
  environment.rootfs = rootfs;
  return {};
}

// An OCI layout on disk; a reference would have to be fetched first.
Status ApplyImage(ResolvedEnvironment& environment, const config::EnvironmentOverrides& over) {
  const std::string path = "run.environment.image.docker";
  if (over.namespace_rootfs) {
    return Refuse(path, "stands beside namespace.rootfs, and there is one root", "conflicting_root",
                  "leave one of them out");
  }
  const std::optional<model::RootSource> source = model::ParseRootSource(*over.image_docker);
  if (!source || source->kind != model::RootSource::Kind::kOci) {
    return Refuse(path, "'" + *over.image_docker + "' would have to be fetched, which is not built",
                  "image_not_built",
                  "skopeo copy docker://" + *over.image_docker +
                      " oci:/DIR:TAG, and write oci:/DIR:TAG here");
  }
  return ApplyRoot(environment, *over.image_docker);
}

Status ApplyLevel(ResolvedEnvironment& environment, const std::string& level) {
  if (level != "low" && level != "medium" && level != "high") {
    return Refuse("run.environment.namespace.level", "unknown level '" + level + "'", "invalid",
                  "use low, medium or high");
  }
  environment.level = level;
  return {};
}

// The writable tree: where it is and what it may hold. High refuses what nothing enforces.
Status ApplyDisk(ResolvedEnvironment& environment, const config::EnvironmentOverrides& over) {
  constexpr ByteSize kLeastDisk = 16_MiB;
  if (over.namespace_store) environment.store = *over.namespace_store;
  if (environment.store != "disk" && environment.store != "memory") {
    return Refuse("run.environment.namespace.store", "unknown store '" + environment.store + "'",
                  "invalid", "use disk or memory");
  }
  environment.disk = over.disk;
  environment.degrade = over.namespace_degrade;
  if (over.disk && *over.disk < kLeastDisk) {
    return Refuse("run.environment.resources.disk", ToString(*over.disk) + " is too small",
                  "invalid", "write 16MiB or more");
  }
  const bool memory = environment.store == "memory";
  if (memory && over.disk && environment.memory && *over.disk > *environment.memory) {
    return Refuse("run.environment.resources.disk",
                  ToString(*over.disk) + " is above the memory " + ToString(*environment.memory) +
                      ", to which a tree in memory is charged",
                  "invalid", "raise resources.memory, or use store = \"disk\"");
  }
  const auto& degrade = environment.degrade;
  const bool unlimited = !memory && !over.disk;
  if (environment.level == "high" && unlimited &&
      std::find(degrade.begin(), degrade.end(), "workspace_limit") == degrade.end()) {
    return Refuse("run.environment.namespace.level",
                  "level high needs a workspace with a byte limit", "level_refused",
                  "set resources.disk, use namespace.store = \"memory\", or list workspace_limit "
                  "in namespace.degrade");
  }
  return {};
}

template <typename Number>
Result<Number> Positive(const char* path, std::int64_t value) {
  constexpr std::int64_t kMost = 1'000'000;
  if (value < 1 || value > kMost) {
    return Refuse(path, std::to_string(value) + " is out of range", "invalid",
                  "write a number from 1 to " + std::to_string(kMost));
  }
  return static_cast<Number>(value);
}

Status ApplyNamespace(ResolvedEnvironment& environment, const config::EnvironmentOverrides& over) {
  if (over.cpu)
    environment.cpu = TRY(Positive<std::uint32_t>("run.environment.resources.cpu", *over.cpu));
  if (over.memory) environment.memory = *over.memory;
  if (over.namespace_level) TRY(ApplyLevel(environment, *over.namespace_level));
  TRY(ApplyDisk(environment, over));
  if (over.image_docker) TRY(ApplyImage(environment, over));
  if (over.namespace_rootfs) TRY(ApplyRoot(environment, *over.namespace_rootfs));
  if (over.namespace_workspace) environment.workspace = *over.namespace_workspace;
  if (over.namespace_max_processes) {
    environment.max_processes = TRY(Positive<std::uint32_t>(
        "run.environment.namespace.max_processes", *over.namespace_max_processes));
  }
  if (over.namespace_max_file_descriptors) {
    environment.max_file_descriptors = TRY(Positive<std::uint32_t>(
        "run.environment.namespace.max_file_descriptors", *over.namespace_max_file_descriptors));
  }
  if (over.local_strict_env || over.local_filter_explicit_env) {
    Ignored(environment, "run.environment.local");
  }
  return {};
}

void ApplyLocal(ResolvedEnvironment& environment, const config::Settings& settings) {
  const config::EnvironmentOverrides& over = settings.overrides;
  if (over.cpu) Ignored(environment, "run.environment.resources.cpu");
  if (over.memory) Ignored(environment, "run.environment.resources.memory");
  if (over.disk) Ignored(environment, "run.environment.resources.disk");
  if (over.image_docker) Ignored(environment, "run.environment.image");
  if (over.namespace_level || over.namespace_store || !over.namespace_degrade.empty() ||
      over.namespace_rootfs || over.namespace_workspace || over.namespace_max_processes ||
      over.namespace_max_file_descriptors) {
    Ignored(environment, "run.environment.namespace");
  }
  environment.strict_env = over.local_strict_env.value_or(true);
  environment.filter_explicit_env = over.local_filter_explicit_env.value_or(false);
  if (!settings.trust_local) {
    environment.warnings.push_back(
        {.path = "run.environment.id",
         .code = "local_no_isolation",
         .message = "local isolates nothing: commands have the rights of this user; namespace, "
                    "docker and daytona isolate"});
  }
}

}  // namespace

std::string_view ToString(Provider provider) {
  return provider == Provider::kLocal ? "local" : "namespace";
}

Result<ResolvedEnvironment> Resolve(const config::Settings& settings, const Selection& selection) {
  ResolvedEnvironment environment = TRY(BuiltIn(settings.environment));
  const config::EnvironmentOverrides& over = settings.overrides;
  TRY(ApplyNetwork(environment, over));
  for (const auto& [name, value] : over.env) environment.env[name] = value;
  if (environment.provider == Provider::kLocal) {
    ApplyLocal(environment, settings);
    return environment;
  }
  TRY(ApplyNamespace(environment, over));
  TRY(CheckNetworkAtLevel(environment));
  if (!settings.clone_enabled) environment.workspace = "empty";
  if (selection.in_place) environment.workspace = "bind";
  return environment;
}

model::Json ToJson(const ResolvedEnvironment& environment) {
  model::Json json = model::Json::MakeObject();
  json.Set("slug", environment.slug).Set("provider", ToString(environment.provider));
  if (environment.cpu) json.Set("cpu", *environment.cpu);
  if (environment.memory) json.Set("memory_bytes", environment.memory->bytes());
  json.SetIfAny("network_mode", environment.network_mode);
  json.Set("network_hosts", model::Json::Strings(environment.network_hosts));
  json.Set("network_ports", model::Json::Strings(environment.network_ports));
  model::Json env = model::Json::MakeObject();
  for (const auto& [name, value] : environment.env) env.Set(name, value);
  json.Set("env", std::move(env)).Set("level", environment.level);
  json.Set("rootfs", environment.rootfs).Set("workspace", environment.workspace);
  if (environment.disk) json.Set("disk_bytes", environment.disk->bytes());
  json.Set("store", environment.store).Set("degrade", model::Json::Strings(environment.degrade));
  json.Set("max_processes", environment.max_processes);
  json.Set("max_file_descriptors", environment.max_file_descriptors);
  json.Set("strict_env", environment.strict_env);
  json.Set("filter_explicit_env", environment.filter_explicit_env);
  model::Json warnings = model::Json::MakeArray();
  for (const Warning& warning : environment.warnings) {
    model::Json one = model::Json::MakeObject();
    one.SetIfAny("path", warning.path).Set("code", warning.code).Set("message", warning.message);
    warnings.Push(std::move(one));
  }
  return json.Set("warnings", std::move(warnings));
}

Result<ResolvedEnvironment> FromJson(const model::Json& json) {
  ResolvedEnvironment environment;
  environment.slug = json.StringAt("slug");
  const std::string provider = json.StringAt("provider");
  if (provider != "local" && provider != "namespace") {
    return Failure(Code::kInvalidArgument,
                   "the stored environment names the provider '" + provider + "'", "invalid");
  }
  environment.provider = provider == "local" ? Provider::kLocal : Provider::kNamespace;
  if (json.Find("cpu") != nullptr) environment.cpu = static_cast<std::uint32_t>(json.IntAt("cpu"));
  if (json.Find("memory_bytes") != nullptr) {
    environment.memory = ByteSize(static_cast<std::uint64_t>(json.IntAt("memory_bytes")));
  }
  environment.network_mode = json.StringAt("network_mode");
  environment.network_hosts = json.StringsAt("network_hosts");
  environment.network_ports = json.StringsAt("network_ports");
  if (const model::Json* env = json.Find("env"); env != nullptr && env->Members() != nullptr) {
    for (const auto& [name, value] : *env->Members()) environment.env[name] = value.ToText();
  }
  environment.level = json.StringAt("level", environment.level);
  environment.rootfs = json.StringAt("rootfs", environment.rootfs);
  environment.workspace = json.StringAt("workspace", environment.workspace);
  if (json.Find("disk_bytes") != nullptr) {
    environment.disk = ByteSize(static_cast<std::uint64_t>(json.IntAt("disk_bytes")));
  }
  environment.store = json.StringAt("store", environment.store);
  environment.degrade = json.StringsAt("degrade");
  environment.max_processes =
      static_cast<std::uint32_t>(json.IntAt("max_processes", environment.max_processes));
  environment.max_file_descriptors = static_cast<std::uint32_t>(
      json.IntAt("max_file_descriptors", environment.max_file_descriptors));
  environment.strict_env = json.BoolAt("strict_env", true);
  environment.filter_explicit_env = json.BoolAt("filter_explicit_env", false);
  if (const model::Json* warnings = json.Find("warnings");
      warnings != nullptr && warnings->Items() != nullptr) {
    for (const model::Json& one : *warnings->Items()) {
      environment.warnings.push_back(
          {one.StringAt("path"), one.StringAt("code"), one.StringAt("message")});
    }
  }
  return environment;
}

}  // namespace fabro::environment
