#include "host_gate.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fabro/egress/policy.h"

namespace fabro::cli {
namespace {

Error Denied(const std::string& host, std::uint16_t port) {
  return Failure(Code::kPermissionDenied,
                 "the environment's network does not allow " + host + ":" + std::to_string(port),
                 "network_denied", "add it to [run.environment.network] allow_hosts");
}

// All addresses of a name, by this machine's resolver.
std::vector<model::IpAddress> AddressesOf(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  std::vector<model::IpAddress> addresses;
  if (::getaddrinfo(name.c_str(), nullptr, &hints, &list) != 0) return addresses;
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(list, ::freeaddrinfo);
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), text.size(), nullptr, 0,
                      NI_NUMERICHOST) != 0) {
      continue;
    }
    if (const auto address = model::ParseIpAddress(text.data())) addresses.push_back(*address);
  }
  return addresses;
}

fabro::Result<std::string> AdmitOne(const model::EgressPolicy& policy, const std::string& host,
                                    std::uint16_t port) {
  const std::vector<std::uint16_t> ports = model::PortsOf(policy);
  if (std::find(ports.begin(), ports.end(), port) == ports.end()) return Denied(host, port);
  if (const auto literal = model::ParseIpAddress(host)) {
    const auto grant = egress::MatchAddress(policy, *literal);
    if (!grant || !egress::MayConnect(policy, *grant, *literal)) return Denied(host, port);
    return model::ToString(*literal);
  }
  const auto name = model::NormalName(host);
  if (!name) return Denied(host, port);
  const auto grant = egress::MatchName(policy, *name);
  if (!grant) return Denied(host, port);
  for (const model::IpAddress& address : AddressesOf(*name)) {
    if (egress::MayConnect(policy, *grant, address)) return model::ToString(address);
  }
  return Denied(host, port);
}

}  // namespace

agent::mcp::Admit AdmitBy(model::EgressPolicy policy) {
  return [policy = std::move(policy)](const std::string& host, std::uint16_t port) {
    return AdmitOne(policy, host, port);
  };
}

}  // namespace fabro::cli
