#include "fabro/jail/plan/network.h"

#include "fabro/egress/wire/control.h"
#include "fabro/jail/plan/check.h"

namespace fabro::jail::plan {
namespace {

bool IsEgress(const model::SandboxSpec& spec) {
  return spec.network == model::NetworkMode::kEgress;
}

std::string Hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += kDigits[static_cast<unsigned char>(c) >> 4U];
    text += kDigits[static_cast<unsigned char>(c) & 15U];
  }
  return text;
}

}  // namespace

Status CheckNetwork(const model::SandboxSpec& spec, model::NetworkMode mode) {
  if (mode != model::NetworkMode::kEgress) {
    if (spec.egress == model::EgressPolicy()) return {};
    return Invalid(
        "network.allowed_hosts", "--allow-host",
        "are for network mode egress, and the mode is " + std::string(model::ToString(mode)),
        "add --network egress");
  }
  if (spec.egress.allow_all && spec.level == model::Level::kHigh) {
    return Invalid("network.allow_all", "--allow-all-hosts", "is refused at level high",
                   "name the hosts, or use --level medium");
  }
  return model::CheckEgress(spec.egress);
}

std::vector<model::IpRange> LocalRoutes(const model::SandboxSpec& spec) {
  if (!IsEgress(spec)) return {};
  const model::EgressPolicy& policy = spec.egress;
  std::vector<model::IpRange> routes = {policy.synthetic_v4, policy.synthetic_v6};
  for (const model::HostRule& rule : policy.hosts) {
    if (rule.kind == model::HostRule::Kind::kRange) routes.push_back(rule.range);
  }
  if (policy.allow_all) {
    routes.push_back({.base = {}, .prefix = 0});
    routes.push_back({.base = {.v6 = true, .bytes = {}}, .prefix = 0});
  }
  return routes;
}

std::string Resolvers(const model::SandboxSpec& spec) {
  if (!IsEgress(spec)) return "# no name server is reachable from here";
  return "nameserver " + model::ToString(model::NameServerOf(spec.egress)) +
         "\noptions ndots:1 timeout:2";
}

std::string EgressText(const model::SandboxSpec& spec) {
  if (!IsEgress(spec)) return {};
  ByteWriter policy;
  egress::wire::Write(policy, spec.egress);
  return " egress=" + Hex(policy.Take());
}

}  // namespace fabro::jail::plan
