// What a sandbox may reach: which rule of its policy a name or an address falls under, and which
// addresses nobody reaches without a rule that says so. Pure (isolation specification, 10.3,
// "matching" and "deny ranges").
#pragma once

#include <optional>
#include <string_view>

#include "fabro/model/egress.h"
#include "fabro/model/ip.h"

namespace fabro::egress {

// Why a connection is allowed. A rule, or allow_all, which stands for one.
struct Grant {
  bool allow_private = false;
  std::optional<model::IpRange> range;  // Of a rule for addresses.
};

// For a name in normal form (model::NormalName).
std::optional<Grant> MatchName(const model::EgressPolicy& policy, std::string_view name);

// For an address that the guest named itself; the narrowest rule.
std::optional<Grant> MatchAddress(const model::EgressPolicy& policy,
                                  const model::IpAddress& address);

// Whether a connection under that grant may go to the address. It may not to private, link-local,
// loopback, reserved, multicast, documentation and metadata addresses, in whatever form of IPv6
// they are written, unless
//   - the rule is for addresses, and lies within the range that is denied: 10.1.0.0/16 says what
//     it wants, 0.0.0.0/0 does not say that it wants the metadata service;
//   - the name is marked allow_private, and the address is one of the private ranges.
bool MayConnect(const model::EgressPolicy& policy, const Grant& grant,
                const model::IpAddress& address);

}  // namespace fabro::egress
