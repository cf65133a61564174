#include "fabro/model/egress.h"

#include <algorithm>
#include <charconv>
#include <set>

namespace fabro::model {
namespace {

constexpr std::size_t kMaxName = 253;
constexpr std::size_t kMaxLabel = 63;
constexpr std::uint16_t kNameServerPort = 53;

Error BadHost(std::string_view text, std::string_view what, std::string fix) {
  return Failure(Code::kInvalidArgument,
                 "'" + std::string(text.substr(0, kMaxName)) + "' " + std::string(what), "bad_host",
                 std::move(fix));
}

Error Invalid(std::string message, std::string fix = {}) {
  return Failure(Code::kInvalidArgument, std::move(message), "spec_invalid", std::move(fix));
}

bool IsLabelByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

// As the URL standard has it: such a host is read as an IPv4 address in one of its old spellings.
bool EndsInNumber(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  const std::string_view last = dot == std::string_view::npos ? name : name.substr(dot + 1);
  const bool digits =
      std::all_of(last.begin(), last.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (digits) return true;
  return last.starts_with("0x") && std::all_of(last.begin() + 2, last.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// Where connections stay inside, or that no connection has.
bool IsOfNoUse(const IpRange& range) {
  static const IpRange kRanges[] = {*ParseIpRange("127.0.0.0/8"),   *ParseIpRange("0.0.0.0/8"),
                                    *ParseIpRange("224.0.0.0/4"),   *ParseIpRange("::/127"),
                                    *ParseIpRange("::ffff:0:0/96"), *ParseIpRange("ff00::/8"),
                                    *ParseIpRange("fe80::/10")};
  return std::any_of(std::begin(kRanges), std::end(kRanges),
                     [&](const IpRange& each) { return each.Contains(range); });
}

std::optional<std::uint16_t> ParsePort(std::string_view text) {
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || stop != end || port == 0) return std::nullopt;
  return port;
}

Status CheckSynthetic(const EgressPolicy& policy) {
  constexpr int kLeastFree = 13;  // Bits: 4096 names and the name server.
  for (const IpRange* range : {&policy.synthetic_v4, &policy.synthetic_v6}) {
    const std::string key = range == &policy.synthetic_v4 ? "synthetic_v4" : "synthetic_v6";
    if (range->base.v6 != (range == &policy.synthetic_v6) ||
        range->base.bits() - range->prefix < kLeastFree || range->prefix < 8 || IsOfNoUse(*range)) {
      return Invalid("network." + key + " " + ToString(*range) + " cannot stand for names",
                     "use a range of at most /19 (IPv6: /115) that nobody here needs");
    }
    for (const HostRule& rule : policy.hosts) {
      // A range around it is a wish for everything else in it; one inside asks for what is not.
      if (rule.kind == HostRule::Kind::kRange && range->Contains(rule.range)) {
        return Invalid("the allowed range " + ToString(rule.range) + " is within network." + key,
                       "set network." + key + " to another range");
      }
    }
  }
  return {};
}

}  // namespace

std::optional<std::string> NormalName(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > kMaxName) return std::nullopt;
  std::string name(text);
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('.', begin), name.size());
    if (end == begin || end - begin > kMaxLabel) return std::nullopt;
    if (!std::all_of(name.begin() + static_cast<std::ptrdiff_t>(begin),
                     name.begin() + static_cast<std::ptrdiff_t>(end), IsLabelByte)) {
      return std::nullopt;
    }
    begin = end + 1;
  }
  if (EndsInNumber(name)) return std::nullopt;
  return name;
}

std::string ToString(const HostRule& rule) {
  switch (rule.kind) {
    case HostRule::Kind::kName:
      return rule.name;
    case HostRule::Kind::kWildcard:
      return "*." + rule.name;
    case HostRule::Kind::kRange:
      return ToString(rule.range);
  }
  return "?";
}

Result<HostRule> ParseHostRule(std::string_view text) {
  if (text.find("://") != std::string_view::npos) {
    return BadHost(text, "is a URL", "write the host alone: example.com");
  }
  HostRule rule;
  if (const auto range = ParseIpRange(text)) {
    if (IsOfNoUse(*range)) {
      return BadHost(text, "is nothing outside of a sandbox that can be connected to",
                     "loopback needs no rule; others cannot be allowed");
    }
    rule.kind = HostRule::Kind::kRange;
    rule.range = *range;
    return rule;
  }
  if (text.find('/') != std::string_view::npos) {
    return BadHost(text, "is no range of addresses",
                   "write it with all other bits zero: 10.1.0.0/16; a host has no path");
  }
  if (text == "*" || text == "**" || text.starts_with("**.")) {
    return BadHost(text, "is too wide", "write *.example.com for all names of a zone");
  }
  std::string_view name = text;
  if (name.starts_with("*.")) {
    rule.kind = HostRule::Kind::kWildcard;
    name.remove_prefix(2);
  }
  if (name.find('*') != std::string_view::npos) {
    return BadHost(text, "has a '*' inside", "a wildcard is the whole first label: *.example.com");
  }
  if (name.find(':') != std::string_view::npos) {
    return BadHost(text, "has a port", "ports are said apart, for all hosts: --allow-port 8443");
  }
  if (std::any_of(name.begin(), name.end(),
                  [](char c) { return static_cast<unsigned char>(c) > 0x7F; })) {
    return BadHost(text, "is not ASCII", "write its A-label, xn--…");
  }
  const std::optional<std::string> normal = NormalName(name);
  if (!normal) {
    return BadHost(text, "is no host name and no address",
                   "write example.com, *.example.com, 192.0.2.7 or 10.1.0.0/16");
  }
  rule.name = *normal;
  return rule;
}

std::string ToString(const PortRange& range) {
  std::string text = std::to_string(range.first);
  if (range.last != range.first) text += "-" + std::to_string(range.last);
  return text;
}

Result<PortRange> ParsePortRange(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto first = ParsePort(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : ParsePort(text.substr(dash + 1));
  if (!first || !last || *last < *first) {
    return Failure(Code::kInvalidArgument, "'" + std::string(text) + "' is no port", "bad_port",
                   "give 1 to 65535, or a range: 8000-8010");
  }
  if (*first <= kNameServerPort && *last >= kNameServerPort) {
    return Failure(Code::kInvalidArgument,
                   "port 53 is that of the sandbox's own name server, which cannot be gone around",
                   "bad_port", "leave it out");
  }
  return PortRange{.first = *first, .last = *last};
}

std::vector<std::uint16_t> PortsOf(const EgressPolicy& policy) {
  std::set<std::uint16_t> ports;
  for (const PortRange& range : policy.ports) {
    for (unsigned port = range.first; port <= range.last; ++port) {
      ports.insert(static_cast<std::uint16_t>(port));
      if (ports.size() > kMaxPorts) return {ports.begin(), ports.end()};
    }
  }
  return {ports.begin(), ports.end()};
}

IpAddress NameServerOf(const EgressPolicy& policy) {
  return IpAddress::V4(policy.synthetic_v4.base.ToV4() + 1);
}

Status CheckEgress(const EgressPolicy& policy) {
  if (policy.hosts.size() > kMaxHostRules) {
    return Invalid("network.allowed_hosts has more than " + std::to_string(kMaxHostRules) +
                   " entries");
  }
  std::size_t ranges = 0;
  for (const HostRule& rule : policy.hosts) {
    // What came over a socket is read again as if a person had written it.
    const HostRule again = TRY(ParseHostRule(ToString(rule)));
    if (again.kind != rule.kind || again.name != rule.name || again.range != rule.range) {
      return Invalid("network.allowed_hosts has an entry that is not normal: " + ToString(rule));
    }
    if (rule.kind == HostRule::Kind::kRange) ++ranges;
  }
  if (ranges > kMaxRangeRules) {
    return Invalid("network.allowed_hosts has more than " + std::to_string(kMaxRangeRules) +
                   " addresses and ranges");
  }
  for (const PortRange& range : policy.ports) TRY(ParsePortRange(ToString(range)));
  const std::size_t ports = PortsOf(policy).size();
  if (ports == 0 || ports > kMaxPorts) {
    return Invalid(
        "network.allowed_ports (--allow-port) are " +
            (ports == 0 ? std::string("none") : "more than " + std::to_string(kMaxPorts)),
        "each port is a socket in the sandbox: name 1 to 100");
  }
  if (policy.max_connections == 0 || policy.max_connections > 4096) {
    return Invalid("network.max_connections is " + std::to_string(policy.max_connections) +
                   ": allowed is 1 to 4096");
  }
  constexpr ByteSize kLeastRate = 1_KiB;
  if (policy.bytes_per_second && *policy.bytes_per_second < kLeastRate) {
    return Invalid("network.bandwidth is below 1KiB a second");
  }
  if (policy.idle_timeout < std::chrono::seconds(1) ||
      policy.idle_timeout > std::chrono::hours(24)) {
    return Invalid("network.idle_timeout is " + fabro::ToString(policy.idle_timeout) +
                   ": allowed is 1s to 24h");
  }
  return CheckSynthetic(policy);
}

std::string_view ToString(DenyReason reason) {
  switch (reason) {
    case DenyReason::kNameNotAllowed:
      return "name_not_allowed";
    case DenyReason::kAddressNotAllowed:
      return "address_not_allowed";
    case DenyReason::kAddressDenied:
      return "address_denied";
    case DenyReason::kSniMismatch:
      return "sni_mismatch";
    case DenyReason::kHostMismatch:
      return "host_mismatch";
    case DenyReason::kConnectionLimit:
      return "connection_limit";
    case DenyReason::kByteLimit:
      return "byte_limit";
    case DenyReason::kNameLimit:
      return "name_limit";
    case DenyReason::kUnresolved:
      return "unresolved";
    case DenyReason::kUnreachable:
      return "unreachable";
  }
  return "?";
}

}  // namespace fabro::model
