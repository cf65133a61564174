// Which synthetic address stands for which name, in one sandbox. An address once given stays that
// name's for the sandbox's life, so what a program resolved long ago still goes where it was meant.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fabro/model/egress.h"
#include "fabro/model/ip.h"

namespace fabro::egress {

class NameTable {
 public:
  explicit NameTable(const model::EgressPolicy& policy)
      : v4_(policy.synthetic_v4), v6_(policy.synthetic_v6) {}

  struct Addresses {
    model::IpAddress v4;
    model::IpAddress v6;
  };
  // Those of the name, old or new; nullopt when kMaxSyntheticNames others have theirs.
  std::optional<Addresses> Give(const std::string& name);

  // The name behind an address of either range; empty: none was given it.
  std::string_view NameOf(const model::IpAddress& address) const;

  bool IsSynthetic(const model::IpAddress& address) const {
    return v4_.Contains(address) || v6_.Contains(address);
  }

 private:
  model::IpRange v4_;
  model::IpRange v6_;
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::uint32_t> numbers_;
};

}  // namespace fabro::egress
