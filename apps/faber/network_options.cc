#include "apps/faber/network_options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <string_view>

namespace fabro::faber {
namespace {

Error Named(Error error, const OptionUse& use) {
  error.message = std::string(use.name) + ": " + error.message;
  error.reason = "bad_option";
  return error;
}

Status AddHosts(model::EgressPolicy& policy, const OptionUse& use, bool allow_private) {
  for (std::string_view rest = use.value;;) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    auto rule = model::ParseHostRule(rest.substr(0, comma));
    if (!rule) return Named(std::move(rule).error(), use);
    if (allow_private && rule->kind == model::HostRule::Kind::kRange) {
      return Named(Failure(Code::kInvalidArgument,
                           "'" + model::ToString(*rule) + "' is an address, not a name",
                           "bad_option", "a rule for an address needs no more: --allow-host"),
                   use);
    }
    rule->allow_private = allow_private;
    policy.hosts.push_back(*std::move(rule));
    if (comma == rest.size()) return {};
    rest.remove_prefix(comma + 1);
  }
}

Status AddPorts(model::EgressPolicy& policy, const OptionUse& use) {
  for (std::string_view rest = use.value;;) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    const auto range = model::ParsePortRange(rest.substr(0, comma));
    if (!range) return Named(range.error(), use);
    policy.ports.push_back(*range);
    if (comma == rest.size()) return {};
    rest.remove_prefix(comma + 1);
  }
}

Status SetChecks(model::EgressPolicy& policy, const OptionUse& use) {
  if (use.value == "tls_sni") {
    policy.tls_sni = true;
  } else if (use.value == "http_host") {
    policy.http_host = true;
  } else {
    return Named(Failure(Code::kInvalidArgument, "there is no check '" + use.value + "'",
                         "bad_option", "give tls_sni or http_host"),
                 use);
  }
  return {};
}

Status SetConnections(model::EgressPolicy& policy, const OptionUse& use) {
  const char* end = use.value.data() + use.value.size();
  const auto [stop, error] = std::from_chars(use.value.data(), end, policy.max_connections);
  if (error == std::errc() && stop == end && policy.max_connections > 0) return {};
  return Named(Failure(Code::kInvalidArgument, "'" + use.value + "' is no number of connections",
                       "bad_option", "give 1 to 4096"),
               use);
}

Result<ByteSize> SizeOf(const OptionUse& use) {
  auto size = ParseByteSize(use.value);
  if (!size) return Named(std::move(size).error(), use);
  return *size;
}

Status Apply(model::EgressPolicy& policy, const OptionUse& use) {
  if (use.name == "--allow-host") return AddHosts(policy, use, false);
  if (use.name == "--allow-private-host") return AddHosts(policy, use, true);
  if (use.name == "--allow-port") return AddPorts(policy, use);
  if (use.name == "--network-check") return SetChecks(policy, use);
  if (use.name == "--network-connections") return SetConnections(policy, use);
  if (use.name == "--allow-all-hosts") policy.allow_all = true;
  if (use.name == "--network-bytes") policy.max_bytes = TRY(SizeOf(use));
  if (use.name == "--network-rate") policy.bytes_per_second = TRY(SizeOf(use));
  return {};
}

bool IsOurs(const OptionUse& use) {
  constexpr std::array<std::string_view, 4> kAllow = {"--allow-host", "--allow-private-host",
                                                      "--allow-all-hosts", "--allow-port"};
  return std::ranges::find(kAllow, use.name) != kAllow.end() || use.name.starts_with("--network-");
}

}  // namespace

Status ReadNetworkOptions(model::RunRequest& request, std::span<const OptionUse> options) {
  model::SandboxSpec& sandbox = request.sandbox;
  const bool any = std::any_of(options.begin(), options.end(), IsOurs);
  if (any && !sandbox.network) sandbox.network = model::NetworkMode::kEgress;
  if (!any) return {};
  if (sandbox.network != model::NetworkMode::kEgress) {
    return Failure(Code::kInvalidArgument,
                   "hosts are allowed, and --network " +
                       std::string(model::ToString(*sandbox.network)) + " has no way to them",
                   "bad_option", "use --network egress");
  }
  const bool ports = std::any_of(options.begin(), options.end(),
                                 [](const OptionUse& use) { return use.name == "--allow-port"; });
  if (ports) sandbox.egress.ports.clear();
  for (const OptionUse& use : options) {
    if (IsOurs(use)) TRY(Apply(sandbox.egress, use));
  }
  return model::CheckEgress(sandbox.egress);
}

}  // namespace fabro::faber
