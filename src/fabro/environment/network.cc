#include "fabro/environment/network.h"

#include <string_view>

namespace fabro::environment {
namespace {

using Strings = std::vector<std::string>;

constexpr std::string_view kTable = "run.environment.network.";

Error Refuse(std::string_view key, std::string message, std::string fix,
             std::string reason = "network_invalid") {
  return Failure(Code::kInvalidArgument,
                 std::string(kTable) + std::string(key) + ": " + std::move(message),
                 std::move(reason), std::move(fix));
}

// What was written, or what a list without a mode means.
Result<std::string> ModeOf(const config::EnvironmentOverrides& over, std::string mode) {
  const bool cidrs = over.network_allow && !over.network_allow->empty();
  const bool hosts = over.network_allow_hosts && !over.network_allow_hosts->empty();
  if (over.network_mode) {
    mode = *over.network_mode;
  } else if (cidrs && hosts) {
    return Refuse("mode", "allow and allow_hosts want two different modes",
                  "set mode to host_allow_list: allow_hosts takes CIDRs too");
  } else if (cidrs) {
    mode = "cidr_allow_list";
  } else if (hosts) {
    mode = "host_allow_list";
  }
  if ((mode == "cidr_allow_list") != cidrs) {
    return cidrs ? Refuse("allow", "is for mode cidr_allow_list, and the mode is " + mode,
                          "take one of them out")
                 : Refuse("allow", "is empty, so mode cidr_allow_list would allow nothing",
                          "name CIDRs, or use mode block");
  }
  if ((mode == "host_allow_list") != hosts) {
    return hosts ? Refuse("allow_hosts", "is for mode host_allow_list, and the mode is " + mode,
                          "take one of them out")
                 : Refuse("allow_hosts", "is empty, so mode host_allow_list would allow nothing",
                          "name hosts, or use mode block");
  }
  if (over.network_allow_ports && (mode == "block" || mode.empty())) {
    return Refuse("allow_ports", "is for a mode with a way out", "take it out, or set the mode");
  }
  return mode;
}

Status CheckProvider(Provider provider, const std::string& mode) {
  if (provider != Provider::kLocal || mode.empty() || mode == "allow_all") return {};
  return Refuse("mode", "local cannot keep commands from the network",
                "--environment namespace enforces it", "network_unenforceable");
}

// The ports of a mode whose list says none: a socket each in the sandbox, so not all 65535.
Strings PortsOf(const config::EnvironmentOverrides& over, const std::string& mode) {
  if (over.network_allow_ports) return *over.network_allow_ports;
  if (mode == "host_allow_list") return {"80", "443"};
  return over.namespace_egress_ports.value_or(Strings{"22", "80", "443", "9418"});
}

std::string At(std::string_view key, std::size_t index) {
  return std::string(key) + "[" + std::to_string(index) + "]";
}

}  // namespace

Status ApplyNetwork(ResolvedEnvironment& environment, const config::EnvironmentOverrides& over) {
  const std::string mode = TRY(ModeOf(over, environment.network_mode));
  TRY(CheckProvider(environment.provider, mode));
  environment.network_mode = mode;
  if (!HasEgress(environment)) return {};
  environment.network_ports = PortsOf(over, mode);
  if (mode == "cidr_allow_list") {
    environment.network_hosts = *over.network_allow;
    for (std::size_t i = 0; i < environment.network_hosts.size(); ++i) {
      const std::string& entry = environment.network_hosts[i];
      if (entry.find('/') == std::string::npos || !model::ParseIpRange(entry)) {
        return Refuse(At("allow", i), "'" + entry + "' is no CIDR",
                      "write it with a prefix and all other bits zero: 10.1.0.0/16");
      }
    }
  }
  if (mode == "host_allow_list") environment.network_hosts = *over.network_allow_hosts;
  TRY(EgressOf(environment));
  return {};
}

Status CheckNetworkAtLevel(const ResolvedEnvironment& environment) {
  if (environment.level != "high" || environment.network_mode != "allow_all") return {};
  return Refuse("mode", "allow_all is refused at level high",
                "use host_allow_list, or level medium", "network_unenforceable");
}

bool HasEgress(const ResolvedEnvironment& environment) {
  return environment.provider == Provider::kNamespace && !environment.network_mode.empty() &&
         environment.network_mode != "block";
}

Result<model::EgressPolicy> EgressOf(const ResolvedEnvironment& environment) {
  model::EgressPolicy policy;
  policy.allow_all = environment.network_mode == "allow_all";
  const bool cidrs = environment.network_mode == "cidr_allow_list";
  for (std::size_t i = 0; i < environment.network_hosts.size(); ++i) {
    auto rule = model::ParseHostRule(environment.network_hosts[i]);
    if (!rule) {
      return Refuse(At(cidrs ? "allow" : "allow_hosts", i), rule.error().message, rule.error().fix);
    }
    policy.hosts.push_back(*std::move(rule));
  }
  policy.ports.clear();
  for (std::size_t i = 0; i < environment.network_ports.size(); ++i) {
    const auto range = model::ParsePortRange(environment.network_ports[i]);
    if (!range) return Refuse(At("allow_ports", i), range.error().message, range.error().fix);
    policy.ports.push_back(*range);
  }
  TRY(model::CheckEgress(policy));
  return policy;
}

}  // namespace fabro::environment
