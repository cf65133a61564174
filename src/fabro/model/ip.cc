#include "fabro/model/ip.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace fabro::model {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

bool SamePrefix(const IpAddress& one, const IpAddress& other, int bits) {
  for (std::size_t i = 0; bits > 0; ++i, bits -= 8) {
    const unsigned mask = bits >= 8 ? 0xFFU : 0xFF00U >> static_cast<unsigned>(bits);
    if (((one.bytes[i] ^ other.bytes[i]) & mask & 0xFFU) != 0) return false;
  }
  return true;
}

bool NothingBehind(const IpRange& range) {
  for (int bit = range.prefix; bit < range.base.bits(); ++bit) {
    const auto byte = static_cast<std::size_t>(bit / 8);
    if ((range.base.bytes[byte] & (0x80U >> static_cast<unsigned>(bit % 8))) != 0) return false;
  }
  return true;
}

}  // namespace

IpAddress IpAddress::V4(std::uint32_t host_order) {
  IpAddress address;
  for (std::size_t i = 0; i < 4; ++i) {
    address.bytes[i] = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
  }
  return address;
}

std::uint32_t IpAddress::ToV4() const {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8U | bytes[i];
  return value;
}

std::optional<IpAddress> ParseIpAddress(std::string_view text) {
  const std::string name(text);
  IpAddress address;
  if (name.find('\0') != std::string::npos) return std::nullopt;
  address.v6 = name.find(':') != std::string::npos;
  if (::inet_pton(address.v6 ? AF_INET6 : AF_INET, name.c_str(), address.bytes.data()) != 1) {
    return std::nullopt;
  }
  return address;
}

std::string ToString(const IpAddress& address) {
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(address.v6 ? AF_INET6 : AF_INET, address.bytes.data(), text, sizeof(text));
  return text;
}

IpAddress Unmapped(const IpAddress& address) {
  if (!address.v6 || !std::equal(kMapped.begin(), kMapped.end(), address.bytes.begin())) {
    return address;
  }
  IpAddress v4;
  std::copy(address.bytes.begin() + 12, address.bytes.end(), v4.bytes.begin());
  return v4;
}

bool IpRange::Contains(const IpAddress& address) const {
  return address.v6 == base.v6 && SamePrefix(base, address, prefix);
}

bool IpRange::Contains(const IpRange& other) const {
  return other.prefix >= prefix && Contains(other.base);
}

std::optional<IpRange> ParseIpRange(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::optional<IpAddress> base = ParseIpAddress(text.substr(0, slash));
  if (!base) return std::nullopt;
  IpRange range{.base = *base, .prefix = static_cast<std::uint8_t>(base->bits())};
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const char* end = digits.data() + digits.size();
    unsigned prefix = 0;
    const auto [stop, error] = std::from_chars(digits.data(), end, prefix);
    if (error != std::errc() || stop != end || prefix > range.prefix) return std::nullopt;
    range.prefix = static_cast<std::uint8_t>(prefix);
  }
  if (!NothingBehind(range)) return std::nullopt;
  return range;
}

std::string ToString(const IpRange& range) {
  std::string text = ToString(range.base);
  if (range.prefix != range.base.bits()) text += "/" + std::to_string(range.prefix);
  return text;
}

}  // namespace fabro::model
