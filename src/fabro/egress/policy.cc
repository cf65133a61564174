#include "fabro/egress/policy.h"

#include <array>
#include <vector>

namespace fabro::egress {
namespace {

using model::HostRule;
using model::IpAddress;
using model::IpRange;

struct Denied {
  IpRange range;
  bool is_private = false;  // allow_private opens it.
};

// Narrower ones first: the first that has the address decides.
const std::vector<Denied>& DeniedRanges() {
  static const std::vector<Denied> kRanges = [] {
    struct Row {
      const char* range;
      bool is_private;
    };
    constexpr Row kRows[] = {
        // Metadata services of clouds, the reason for much of this.
        {"169.254.169.254/32", false},
        {"100.100.100.200/32", false},
        {"168.63.129.16/32", false},
        {"192.0.0.192/32", false},
        {"fd00:ec2::/32", false},
        {"fd20:ce::/32", false},
        // RFC 6890 and the registries that followed it.
        {"0.0.0.0/8", false},
        {"10.0.0.0/8", true},
        {"100.64.0.0/10", true},
        {"127.0.0.0/8", false},
        {"169.254.0.0/16", false},
        {"172.16.0.0/12", true},
        {"192.0.0.0/24", false},
        {"192.0.2.0/24", false},
        {"192.88.99.0/24", false},
        {"192.168.0.0/16", true},
        {"198.18.0.0/15", false},
        {"198.51.100.0/24", false},
        {"203.0.113.0/24", false},
        {"224.0.0.0/4", false},
        {"240.0.0.0/4", false},
        {"::/96", false},           // Unspecified, loopback, and IPv4-compatible.
        {"64:ff9b:1::/48", false},  // Translation to a network's own IPv4.
        {"100::/64", false},
        {"2001::/32", false},  // Teredo hides an IPv4 address.
        {"2001:10::/28", false},
        {"2001:20::/28", false},
        {"2001:db8::/32", false},
        {"3fff::/20", false},
        {"5f00::/16", false},
        {"fc00::/7", true},
        {"fe80::/10", false},
        {"fec0::/10", false},
        {"ff00::/8", false},
    };
    std::vector<Denied> ranges;
    for (const Row& row : kRows)
      ranges.push_back({*model::ParseIpRange(row.range), row.is_private});
    return ranges;
  }();
  return kRanges;
}

IpAddress V4At(const IpAddress& address, std::size_t first) {
  IpAddress v4;
  for (std::size_t i = 0; i < 4; ++i) v4.bytes[i] = address.bytes[first + i];
  return v4;
}

// The IPv4 address that an IPv6 one leads to: mapped, NAT64 (RFC 6052), 6to4 (RFC 3056).
std::optional<IpAddress> Inner(const IpAddress& address) {
  static const IpRange kNat64 = *model::ParseIpRange("64:ff9b::/96");
  static const IpRange k6to4 = *model::ParseIpRange("2002::/16");
  if (!address.v6) return std::nullopt;
  if (const IpAddress plain = model::Unmapped(address); !plain.v6) return plain;
  if (kNat64.Contains(address)) return V4At(address, 12);
  if (k6to4.Contains(address)) return V4At(address, 2);
  return std::nullopt;
}

}  // namespace

std::optional<Grant> MatchName(const model::EgressPolicy& policy, std::string_view name) {
  std::optional<Grant> grant;
  for (const HostRule& rule : policy.hosts) {
    const bool exact = rule.kind == HostRule::Kind::kName && rule.name == name;
    const bool below = rule.kind == HostRule::Kind::kWildcard &&
                       name.size() > rule.name.size() + 1 && name.ends_with(rule.name) &&
                       name[name.size() - rule.name.size() - 1] == '.';
    if (!exact && !below) continue;
    if (!grant) grant.emplace();
    grant->allow_private = grant->allow_private || rule.allow_private;
  }
  if (!grant && policy.allow_all) grant.emplace();
  return grant;
}

std::optional<Grant> MatchAddress(const model::EgressPolicy& policy, const IpAddress& address) {
  std::optional<Grant> grant;
  for (const HostRule& rule : policy.hosts) {
    if (rule.kind != HostRule::Kind::kRange || !rule.range.Contains(address)) continue;
    if (grant && grant->range->prefix >= rule.range.prefix) continue;
    grant = Grant{.allow_private = false, .range = rule.range};
  }
  if (!grant && policy.allow_all) grant.emplace();
  return grant;
}

bool MayConnect(const model::EgressPolicy& policy, const Grant& grant, const IpAddress& address) {
  if (policy.synthetic_v4.Contains(address) || policy.synthetic_v6.Contains(address)) return false;
  if (const auto inner = Inner(address)) {
    // A rule for the IPv6 form does not open what the form hides.
    const Grant plain{.allow_private = grant.allow_private, .range = std::nullopt};
    if (!MayConnect(policy, plain, *inner)) return false;
  }
  for (const Denied& denied : DeniedRanges()) {
    if (!denied.range.Contains(address)) continue;
    if (grant.range) return denied.range.Contains(*grant.range);
    return denied.is_private && grant.allow_private;
  }
  return true;
}

}  // namespace fabro::egress
