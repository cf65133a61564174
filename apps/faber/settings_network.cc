#include "apps/faber/settings_network.h"

#include <string>
#include <string_view>

#include "apps/faber/run_request.h"
#include "fabro/model/capability.h"

namespace fabro::faber {
namespace {

using config::engine::Settings;
using model::RunRequest;

Error At(const Settings& settings, std::string_view key, Error error) {
  error.message = settings.Where(key) + ": " + error.message;
  error.reason = "bad_option";
  return error;
}

Status ApplyHosts(const Settings& settings, model::EgressPolicy& policy) {
  constexpr std::string_view kHosts = "sandbox.network.allowed_hosts";
  for (const std::string& text : settings.Texts(kHosts)) {
    auto rule = model::ParseHostRule(text);
    if (!rule) return At(settings, kHosts, std::move(rule).error());
    policy.hosts.push_back(*std::move(rule));
  }
  constexpr std::string_view kPorts = "sandbox.network.allowed_ports";
  policy.ports.clear();
  for (const std::string& text : settings.Texts(kPorts)) {
    const auto range = model::ParsePortRange(text);
    if (!range) return At(settings, kPorts, range.error());
    policy.ports.push_back(*range);
  }
  policy.allow_all = settings.Flag("sandbox.network.allow_all");
  return {};
}

Status ApplyRange(const Settings& settings, std::string_view key, model::IpRange& range) {
  const auto text = settings.Text(key);
  if (!text) return {};
  const auto read = model::ParseIpRange(*text);
  if (!read) {
    return At(settings, key,
              Failure(Code::kInvalidArgument, "'" + *text + "' is no range of addresses", {},
                      "write it as 198.18.0.0/15"));
  }
  range = *read;
  return {};
}

}  // namespace

Status ApplyNetworkSettings(const Settings& settings, RunRequest& request) {
  constexpr std::string_view kMode = "sandbox.network.mode";
  constexpr std::string_view kEnabled = "sandbox.network.enabled";
  model::SandboxSpec& sandbox = request.sandbox;
  if (const auto mode = settings.Text(kMode)) {
    TRY(SetNetwork(request, settings.Where(kMode), *mode));
  } else if (settings.Flag(kEnabled)) {
    sandbox.network = model::NetworkMode::kEgress;
  }
  if (sandbox.network != model::NetworkMode::kEgress) return {};
  TRY(ApplyHosts(settings, sandbox.egress));
  TRY(ApplyRange(settings, "sandbox.network.synthetic_v4", sandbox.egress.synthetic_v4));
  TRY(ApplyRange(settings, "sandbox.network.synthetic_v6", sandbox.egress.synthetic_v6));
  const Status whole = model::CheckEgress(sandbox.egress);
  return whole ? whole : At(settings, settings.Text(kMode) ? kMode : kEnabled, whole.error());
}

Status ApplyRightSettings(const Settings& settings, RunRequest& request) {
  constexpr std::string_view kAllowed = "security.capabilities.allowed";
  model::SandboxSpec& sandbox = request.sandbox;
  sandbox.capabilities = settings.Texts(kAllowed);
  sandbox.syscalls.allow_ptrace = settings.Flag("security.allow_ptrace");
  const auto start = [&](std::string_view key) {
    return Nanos(static_cast<std::int64_t>(settings.Number(key).value_or(0)));
  };
  sandbox.monotonic_start = start("sandbox.time.monotonic_offset");
  sandbox.boottime_start = start("sandbox.time.boottime_offset");
  if (settings.IsBuiltIn(kAllowed)) return {};
  const auto mask =
      model::CapabilityMask(settings.Where(kAllowed), sandbox.capabilities, sandbox.level);
  return mask ? Status() : Status(mask.error());
}

}  // namespace fabro::faber
