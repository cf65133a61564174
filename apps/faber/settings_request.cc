#include "apps/faber/settings_request.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "apps/faber/settings_network.h"
#include "fabro/config/engine/yaml.h"
#include "fabro/jail/command_policy/policy.h"
#include "fabro/linux/file.h"

namespace fabro::faber {
namespace {

using config::engine::Layer;
using config::engine::Setting;
using config::engine::Settings;
using model::RunRequest;

Error Unreadable(const std::string& path, std::string_view why,
                 Code code = Code::kInvalidArgument) {
  return Failure(code, "--config " + path + ": " + std::string(why), "config_unreadable",
                 "name a YAML file that can be read");
}

// Where relative paths of a value start.
Caller CallerOf(const Setting& setting, const Caller& caller) {
  Caller at = caller;
  if (setting.source.layer != Layer::kFile) return at;
  // "dir/faber.yaml:3:5" without its two numbers.
  std::string file = setting.source.where;
  for (int i = 0; i < 2; ++i) file.resize(file.rfind(':'));
  at.cwd = (std::filesystem::path(caller.cwd) / file).parent_path().string();
  return at;
}

Status ApplyLimits(const Settings& settings, RunRequest& request) {
  const auto bytes = [&](std::string_view limit, auto set) -> Status {
    const std::string key = settings.LimitKey(limit);
    const auto value = settings.Number(key);
    return value ? set(request, settings.Where(key), ByteSize(*value)) : Status();
  };
  const auto span = [&](std::string_view limit, auto set) -> Status {
    const std::string key = settings.LimitKey(limit);
    const auto value = settings.Number(key);
    return value ? set(request, settings.Where(key), Nanos(*value)) : Status();
  };
  const auto count = [&](std::string_view limit, auto set) -> Status {
    const std::string key = settings.LimitKey(limit);
    const auto value = settings.Number(key);
    return value ? set(request, settings.Where(key), *value) : Status();
  };
  TRY(bytes("memory_limit", SetMemory));
  TRY(bytes("max_output_size", SetOutput));
  TRY(span("cpu_time_limit", SetCpuTime));
  TRY(span("wall_time_limit", SetWallTime));
  TRY(count("max_processes", SetPids));
  TRY(count("max_file_descriptors", SetOpenFiles));
  TRY(count("cpu_rate_limit", SetCpuMillis));
  const auto rate = [&](std::string_view limit) -> std::optional<ByteSize> {
    const auto value = settings.Number(settings.LimitKey(limit));
    return value ? std::optional(ByteSize(*value)) : std::nullopt;
  };
  request.sandbox.limits.io_read_rate = rate("io_read_limit");
  request.sandbox.limits.io_write_rate = rate("io_write_limit");
  return {};
}

Status ApplyFiles(const Settings& settings, RunRequest& request, const Caller& caller) {
  constexpr std::string_view kRoot = "sandbox.rootfs";
  if (!settings.IsBuiltIn(kRoot)) {
    TRY(SetRootfs(request, settings.Where(kRoot), *settings.Text(kRoot),
                  CallerOf(*settings.Find(kRoot), caller)));
  }
  constexpr std::string_view kPath = "sandbox.workspace.path";
  if (settings.Text("sandbox.workspace.type") == "disk") {
    TRY(SetWorkspace(request, settings.Where(kPath), "disk:" + settings.Text(kPath).value_or(""),
                     CallerOf(*settings.Find(kPath), caller)));
  }
  constexpr std::string_view kTmpfs = "sandbox.filesystem.tmpfs_size";
  // The built-in size gives way to the memory limit; a size that somebody wrote does not.
  if (!settings.IsBuiltIn(kTmpfs)) {
    TRY(SetTmpfs(request, settings.Where(kTmpfs), ByteSize(*settings.Number(kTmpfs))));
  }
  constexpr std::string_view kAllowed = "sandbox.filesystem.allowed_paths";
  if (!settings.IsBuiltIn(kAllowed)) {
    TRY(AddAllowedPath(request, settings.Where(kAllowed), "none"));
    for (const std::string& path : settings.Texts(kAllowed)) {
      TRY(AddAllowedPath(request, settings.Where(kAllowed), path));
    }
  }
  constexpr std::string_view kBlocked = "sandbox.filesystem.blocked_paths";
  if (!settings.IsBuiltIn(kBlocked)) {
    for (const std::string& path : settings.Texts(kBlocked)) {
      TRY(AddBlockedPath(request, settings.Where(kBlocked), path));
    }
  }
  const Setting* mounts = settings.Find("sandbox.mounts");
  for (const model::Json& mount : *mounts->value.Items()) {
    TRY(AddBind(request, settings.Where("sandbox.mounts"), mount.StringAt("source"),
                mount.StringAt("target"), !mount.BoolAt("read_only", true),
                CallerOf(*mounts, caller)));
  }
  return {};
}

}  // namespace

std::vector<std::string> OwnEnvironment() {
  std::vector<std::string> own;
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
    if (std::string_view(*entry).starts_with("FABER_")) own.emplace_back(*entry);
  }
  return own;
}

Result<std::string> ReadConfigFile(const std::string& path) {
  // Without O_NONBLOCK a FIFO would make us wait for a writer.
  auto file = Open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!file.ok()) {
    Error error = std::move(file).error().In("--config");
    error.reason = "config_unreadable";
    error.fix = "name a YAML file that can be read";
    return error;
  }
  struct stat info{};
  if (::fstat(file->get(), &info) != 0) return SysFailure("fstat", path);
  if (S_ISDIR(info.st_mode)) return Unreadable(path, "it is a directory");
  if (!S_ISREG(info.st_mode)) return Unreadable(path, "it is no regular file");
  auto text = ReadFd(file->get(), ByteSize(config::engine::kMostYamlText));
  if (text.ok()) return text;
  if (text.error().reason == "file_too_large")
    return Unreadable(path, "more than 1 MiB is no configuration");
  return Unreadable(path, text.error().message, text.error().code);
}

Result<config::engine::Inputs> ReadInputs(const Invocation& invocation,
                                          const std::vector<std::string>& environment) {
  config::engine::Inputs inputs;
  if (const std::string* file = invocation.Find("--config")) {
    inputs.file_name = *file;
    inputs.file_text = TRY(ReadConfigFile(*file));
  }
  inputs.environment = environment;
  for (const OptionUse& use : invocation.options) {
    if (use.name == "--set") inputs.sets.push_back(use.value);
    if (use.name == "--limits-profile") inputs.sets.push_back("limits_profile=" + use.value);
  }
  return inputs;
}

Status ApplySettings(const Settings& settings, RunRequest& request, const Caller& caller) {
  constexpr std::string_view kLevel = "security.default_security_level";
  TRY(SetLevel(request, settings.Where(kLevel), *settings.Text(kLevel)));
  TRY(ApplyNetworkSettings(settings, request));
  TRY(ApplyRightSettings(settings, request));
  request.sandbox.fresh = settings.Flag("sandbox.fresh");
  request.sandbox.hostname = settings.Text("container.hostname").value_or("sandbox");
  for (const std::string& layer : settings.Texts("sandbox.degrade")) {
    TRY(AddDegrade(request, settings.Where("sandbox.degrade"), layer));
  }
  TRY(ApplyFiles(settings, request, caller));
  return ApplyLimits(settings, request);
}

model::CommandPolicy PolicyOf(const Settings& settings) {
  model::CommandPolicy policy;
  const auto text = [&](std::string_view key) { return settings.Text(key).value_or(""); };
  policy.mode = model::ParsePolicyMode(text("validation.mode")).value_or(policy.mode);
  policy.preset = model::ParsePolicyPreset(text("validation.preset")).value_or(policy.preset);
  policy.on_indeterminate = model::ParseOnIndeterminate(text("validation.on_indeterminate"))
                                .value_or(policy.on_indeterminate);
  policy.blocked = settings.Texts("validation.blocked");
  policy.allowed = settings.Texts("validation.allowed");
  policy.allow_workspace_binaries = settings.Flag("validation.allow_workspace_binaries");
  policy.blocked_env_vars = settings.Texts("validation.blocked_env_vars");
  policy.blocked_paths = settings.Texts("sandbox.filesystem.blocked_paths");
  policy.max_command_length =
      settings.Number("validation.max_command_length").value_or(policy.max_command_length);
  policy.max_env_value_length =
      settings.Number("validation.max_env_value_length").value_or(policy.max_env_value_length);
  return policy;
}

}  // namespace fabro::faber
