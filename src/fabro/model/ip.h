// Internet addresses and ranges of them, as values. Text goes in and out by the rules of
// inet_pton(3) and RFC 5952: no octal, hexadecimal or shortened IPv4, no zone of IPv6.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fabro::model {

struct IpAddress {
  bool v6 = false;
  std::array<std::uint8_t, 16> bytes{};  // Network order; an IPv4 address has the first four.

  static IpAddress V4(std::uint32_t host_order);
  std::uint32_t ToV4() const;  // Host order; of an IPv4 address.
  int bits() const { return v6 ? 128 : 32; }

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
};

std::optional<IpAddress> ParseIpAddress(std::string_view text);
std::string ToString(const IpAddress& address);

// ::ffff:a.b.c.d as the IPv4 address that it is; every other address as it was.
IpAddress Unmapped(const IpAddress& address);

struct IpRange {
  IpAddress base;  // Bits behind the prefix are zero.
  std::uint8_t prefix = 0;

  bool Contains(const IpAddress& address) const;
  bool Contains(const IpRange& other) const;  // All of it.
  bool Overlaps(const IpRange& other) const { return Contains(other.base) || other.Contains(base); }

  friend bool operator==(const IpRange&, const IpRange&) = default;
};

// "10.0.0.0/8", "2001:db8::/32", or one address, which is a range of its own. nullopt: neither, or
// bits are set behind the prefix.
std::optional<IpRange> ParseIpRange(std::string_view text);
std::string ToString(const IpRange& range);  // One address is written without its prefix.

}  // namespace fabro::model
