#include "fabro/egress/name_table.h"

namespace fabro::egress {
namespace {

// The name server and whatever else we may need come before.
constexpr std::uint32_t kFirst = 256;

std::uint32_t LastWord(const model::IpAddress& address) {
  const std::size_t at = address.v6 ? 12 : 0;
  std::uint32_t word = 0;
  for (std::size_t i = 0; i < 4; ++i) word = word << 8U | address.bytes[at + i];
  return word;
}

model::IpAddress Offset(const model::IpRange& range, std::uint32_t number) {
  model::IpAddress address = range.base;
  const std::uint32_t word = LastWord(address) + number;
  const std::size_t at = address.v6 ? 12 : 0;
  for (std::size_t i = 0; i < 4; ++i) {
    address.bytes[at + i] = static_cast<std::uint8_t>(word >> (24 - 8 * i));
  }
  return address;
}

}  // namespace

std::optional<NameTable::Addresses> NameTable::Give(const std::string& name) {
  auto found = numbers_.find(name);
  if (found == numbers_.end()) {
    if (names_.size() >= model::kMaxSyntheticNames) return std::nullopt;
    found = numbers_.emplace(name, static_cast<std::uint32_t>(names_.size())).first;
    names_.push_back(name);
  }
  const std::uint32_t number = kFirst + found->second;
  return Addresses{.v4 = Offset(v4_, number), .v6 = Offset(v6_, number)};
}

std::string_view NameTable::NameOf(const model::IpAddress& address) const {
  const model::IpRange& range = address.v6 ? v6_ : v4_;
  const std::uint32_t number = LastWord(address) - LastWord(range.base) - kFirst;
  // The whole address is compared: an IPv6 one has more bits than were used for the number.
  if (number >= names_.size() || Offset(range, kFirst + number) != address) return {};
  return names_[number];
}

}  // namespace fabro::egress
