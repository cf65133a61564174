#include "fabro/config/engine/checks.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "fabro/config/engine/read_value.h"
#include "fabro/model/capability.h"

namespace fabro::config::engine {
namespace {

using Findings = std::vector<Finding>;

constexpr std::string_view kLevel = "security.default_security_level";

class Checker {
 public:
  explicit Checker(const Settings& settings)
      : settings_(settings), level_(settings.Text(kLevel).value_or("medium")) {}

  Findings Run() {
    Level();
    Namespaces();
    Network();
    Capabilities();
    Paths();
    Limits();
    Workspace();
    NotBuilt();
    return std::move(findings_);
  }

 private:
  void Add(Severity severity, std::string code, std::string_view key, std::string message,
           std::string fix) {
    const Setting* setting = settings_.Find(key);
    findings_.push_back({severity, std::move(code), setting == nullptr ? "" : setting->source.where,
                         std::string(key), std::move(message), std::move(fix)});
  }
  void Contradiction(std::string_view key, std::string message, std::string fix) {
    Add(Severity::kError, "config_contradiction", key, std::move(message), std::move(fix));
  }

  void Level() {
    const auto filter = settings_.Text("security.seccomp.level");
    if (filter && *filter != level_) {
      Contradiction("security.seccomp.level",
                    "the filter's level is " + *filter + " and the security level is " + level_,
                    "leave it out, or set both to the same level");
    }
  }

  // The toggle never grants the host's network by itself (1.2).
  void Namespaces() {
    const bool host = settings_.Text("sandbox.network.mode") == "host" &&
                      settings_.Flag("sandbox.network.enabled") && level_ == "low";
    if (!settings_.Flag("sandbox.namespaces.network") && !host) {
      Add(Severity::kWarning, "CFG_NETNS_IMPLIED", "sandbox.namespaces.network",
          "the command gets a private network all the same",
          "the host's network takes sandbox.network.enabled: true, sandbox.network.mode: host and "
          "level low");
    }
    if (!settings_.Flag("sandbox.namespaces.user")) {
      Add(Severity::kWarning, "CFG_USERNS_FORCED", "sandbox.namespaces.user",
          level_ == "low" ? "the command gets a user namespace all the same; root inside is not "
                            "root of the host"
                          : "level " + level_ + " forces a user namespace",
          "leave it out");
    }
  }

  void Network() {
    const auto mode = settings_.Text("sandbox.network.mode");
    const bool enabled = settings_.Flag("sandbox.network.enabled");
    if (mode == "host" && level_ != "low") {
      Contradiction("sandbox.network.mode", "the host's network is for level low only",
                    "use mode egress, or level low");
    }
    if (mode == "host" && !enabled) {
      Contradiction("sandbox.network.mode", "mode host asks for sandbox.network.enabled: true",
                    "set sandbox.network.enabled, or use mode loopback");
    }
    if ((mode == "none" || mode == "loopback") && enabled) {
      Contradiction("sandbox.network.mode", "the network is enabled and the mode is " + *mode,
                    "use mode egress, or leave sandbox.network.enabled out");
    }
    if (settings_.Flag("sandbox.network.allow_all") && level_ == "high") {
      Contradiction("sandbox.network.allow_all", "level high reaches named hosts only",
                    "list them in sandbox.network.allowed_hosts");
    }
    for (const std::string& host : settings_.Texts("sandbox.network.allowed_hosts")) {
      if (!host.empty() && host.find("**") == std::string::npos &&
          host.find_first_of(" \t@") == std::string::npos) {
        continue;
      }
      Add(Severity::kError, "config_invalid", "sandbox.network.allowed_hosts",
          "'" + host + "' is no host", "write a name, *.name, an address or a CIDR range");
    }
    const std::uint64_t inside = settings_.Texts("sandbox.network.allowed_hosts").size();
    if (inside > 0 && !enabled && !mode) {
      Add(Severity::kWarning, "CFG_NETWORK_OFF", "sandbox.network.allowed_hosts",
          "no host is reached while sandbox.network.enabled is false", "set it to true");
    }
  }

  // Section 8: what each level accepts.
  void Capabilities() {
    constexpr std::string_view kKey = "security.capabilities.allowed";
    const auto level = model::ParseLevel(level_).value_or(model::Level::kHigh);
    for (const std::string& name : settings_.Texts(kKey)) {
      const auto mask = model::CapabilityMask(kKey, std::span(&name, 1), level);
      if (!mask) {
        Error error = mask.error();
        Add(Severity::kError, "capability_refused", kKey, error.message.substr(kKey.size() + 2),
            error.fix);
        continue;
      }
      const auto row = std::ranges::find(model::Capabilities(), name, &model::Capability::name);
      if (row->strictest != model::Level::kLow) continue;
      Add(Severity::kWarning, "CFG_CAPABILITY_WIDE", kKey, name + " opens much of the kernel",
          "take it out if the command can do without");
    }
  }

  void Paths() {
    constexpr std::array<std::string_view, 2> kKeys = {"sandbox.filesystem.allowed_paths",
                                                       "sandbox.filesystem.blocked_paths"};
    for (const std::string_view key : kKeys) {
      for (const std::string& path : settings_.Texts(key)) {
        const bool dots = path.find("/../") != std::string::npos || path.ends_with("/..");
        if (path.starts_with('/') && !dots) continue;
        Add(Severity::kError, "config_invalid", key,
            "'" + path + "' is no absolute path without ..", "begin it with /");
      }
    }
  }

  void Limits() {
    const std::string set = settings_.Text("limits_profile").value_or("default");
    const std::string prefix = "resource_limits." + set + ".";
    const auto in_set = [&](const auto& one) { return one.first.starts_with(prefix); };
    if (set != "default" && std::ranges::none_of(settings_.all(), in_set)) {
      Add(Severity::kError, "config_invalid", "limits_profile",
          "there is no set resource_limits." + set, "name a set that the file has");
    }
    const auto memory = settings_.Number(settings_.LimitKey("memory_limit"));
    constexpr std::string_view kTmpfs = "sandbox.filesystem.tmpfs_size";
    const auto tmpfs = settings_.Number(kTmpfs);
    if (memory && tmpfs && !settings_.IsBuiltIn(kTmpfs) && *tmpfs > *memory) {
      Contradiction(kTmpfs, "it is more than the memory limit, to which its files count",
                    "lower it, or raise memory_limit");
    }
  }

  void Workspace() {
    const bool disk = settings_.Text("sandbox.workspace.type") == "disk";
    const bool path = settings_.Find("sandbox.workspace.path") != nullptr;
    if (disk && !path) {
      Contradiction("sandbox.workspace.type", "a disk workspace has no path",
                    "set sandbox.workspace.path");
    }
    if (!disk && path) {
      Contradiction("sandbox.workspace.path", "the workspace is in memory",
                    "set sandbox.workspace.type to disk");
    }
  }

  void NotBuilt() {
    for (const auto& [name, setting] : settings_.all()) {
      const KeyInfo* key = FindKey(name);
      if (key == nullptr || key->use != KeyUse::kDefaultOnly) continue;
      if (setting.source.layer == Layer::kBuiltIn) continue;
      if (WriteValue(*key, setting.value) == FallbackOf(*key)) continue;
      Add(Severity::kNotBuilt, "not_built", name,
          WriteValue(*key, setting.value) + " is not built yet",
          key->fallback.empty() ? "leave it out"
                                : "leave it out; its default is " + std::string(key->fallback));
    }
    const std::string mode = settings_.Text("sandbox.network.mode").value_or("");
    if (mode == "veth" || mode == "host") {
      Add(Severity::kNotBuilt, "network_not_built", "sandbox.network.mode",
          "mode " + mode + " is not built yet", "use none, loopback or egress");
    }
  }

  static std::string FallbackOf(const KeyInfo& key) {
    if (key.fallback.empty()) return {};
    const Setting* built_in = Builtins().Find(key.name);
    return built_in == nullptr ? std::string() : WriteValue(key, built_in->value);
  }

  static const Settings& Builtins() {
    static const Settings settings = Settings::Defaults();
    return settings;
  }

  const Settings& settings_;
  std::string level_;
  Findings findings_;
};

}  // namespace

Findings CheckSettings(const Settings& settings) { return Checker(settings).Run(); }

}  // namespace fabro::config::engine
