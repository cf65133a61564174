// Environments: what a run asks of the place that it runs in. A slug selects one; the run's
// overrides are laid over it; the result is frozen into the run as a ResolvedEnvironment.
//
// Built in are `namespace` and `local`; `default`, `docker` and `daytona` are known by name and
// refused until their providers exist. The catalog of files is not built yet.
// Spec: environments, sections 1 to 5.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/byte_size.h"
#include "fabro/base/result.h"
#include "fabro/config/settings.h"
#include "fabro/model/egress.h"
#include "fabro/model/json.h"

namespace fabro::environment {

enum class Provider { kLocal, kNamespace };
std::string_view ToString(Provider provider);

// A finding that does not stop the run.
struct Warning {
  std::string path;  // "run.environment.resources.memory", or empty.
  std::string code;  // "local_no_isolation", "ignored_field".
  std::string message;

  friend bool operator==(const Warning&, const Warning&) = default;
};

// Everything that a provider needs to know. Unset limits are no limits.
struct ResolvedEnvironment {
  std::string slug;
  Provider provider = Provider::kNamespace;

  std::optional<std::uint32_t> cpu;  // Cores.
  std::optional<ByteSize> memory;
  std::optional<ByteSize> disk;  // Total of all writable places.
  // "block", "allow_all", "cidr_allow_list", "host_allow_list", or empty: the provider's own
  // default (local: the host's network; namespace: block).
  std::string network_mode;
  std::vector<std::string> network_hosts;  // Of the lists: names, wildcards, addresses, CIDRs.
  std::vector<std::string> network_ports;  // Of every mode with a way out: "443", "8000-8010".
  std::map<std::string, std::string> env;  // On top of the provider's base set.

  // [namespace]
  std::string level = "medium";
  std::string rootfs = "host-dirs";  // model::ParseRootSource.
  std::string workspace = "clone";   // "clone", "bind" or "empty".
  std::string store = "disk";        // Or "memory": where the writable tree is.
  std::vector<std::string> degrade;  // Layers that may be missing.
  std::uint32_t max_processes = 4096;
  std::uint32_t max_file_descriptors = 8192;

  // [local]
  bool strict_env = true;
  bool filter_explicit_env = false;

  std::vector<Warning> warnings;

  friend bool operator==(const ResolvedEnvironment&, const ResolvedEnvironment&) = default;
};

// What a command line says about the environment, beside the settings.
struct Selection {
  bool in_place = false;  // --in-place: bind the directory itself.
};

// The environment that `settings` select, with their overrides. Errors (kInvalidArgument):
// unknown_environment, provider_not_built, network_unenforceable, network_invalid,
// disk_unenforceable, conflicting_root, image_not_built, invalid. Each names the key and the fix.
Result<ResolvedEnvironment> Resolve(const config::Settings& settings, const Selection& selection);

// What the engine is told when network_mode has a way out (HasEgress): kInvalidArgument, "invalid".
bool HasEgress(const ResolvedEnvironment& environment);
Result<model::EgressPolicy> EgressOf(const ResolvedEnvironment& environment);

// As it is stored with a run and shown by `--print=environment`; FromJson takes what ToJson gave.
model::Json ToJson(const ResolvedEnvironment& environment);
Result<ResolvedEnvironment> FromJson(const model::Json& json);

}  // namespace fabro::environment
