#include "fabro/base/byte_size.h"

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace fabro {
namespace {

struct Unit {
  std::string_view name;  // Lower case.
  std::uint64_t factor;
};

constexpr std::uint64_t kKilo = 1000;
constexpr std::array kUnits = {
    Unit{"", 1},
    Unit{"b", 1},
    Unit{"k", 1ULL << 10U},
    Unit{"m", 1ULL << 20U},
    Unit{"g", 1ULL << 30U},
    Unit{"t", 1ULL << 40U},
    Unit{"ki", 1ULL << 10U},
    Unit{"mi", 1ULL << 20U},
    Unit{"gi", 1ULL << 30U},
    Unit{"ti", 1ULL << 40U},
    Unit{"kib", 1ULL << 10U},
    Unit{"mib", 1ULL << 20U},
    Unit{"gib", 1ULL << 30U},
    Unit{"tib", 1ULL << 40U},
    Unit{"kb", kKilo},
    Unit{"mb", kKilo* kKilo},
    Unit{"gb", kKilo* kKilo* kKilo},
    Unit{"tb", kKilo* kKilo* kKilo* kKilo},
};

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

Error BadSize(std::string_view text, std::string_view why) {
  return Failure(Code::kInvalidArgument,
                 "'" + std::string(text) + "' is not a size: " + std::string(why), "bad_size",
                 "write a whole number with a unit, for example 512MiB or 4GB");
}

}  // namespace

Result<ByteSize> ParseByteSize(std::string_view text) {
  if (text.empty()) return BadSize(text, "it is empty");
  if (text.front() == '-') return BadSize(text, "it is negative");
  std::uint64_t number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status == std::errc::result_out_of_range) return BadSize(text, "it is more than 2^64 bytes");
  if (status != std::errc()) return BadSize(text, "it does not start with a number");
  std::string_view rest = text.substr(static_cast<std::size_t>(end - text.data()));
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  const std::string unit = Lower(rest);
  for (const Unit& known : kUnits) {
    if (known.name != unit) continue;
    std::uint64_t bytes = 0;
    if (__builtin_mul_overflow(number, known.factor, &bytes)) {
      return BadSize(text, "it is more than 2^64 bytes");
    }
    return ByteSize(bytes);
  }
  return BadSize(text, "unknown unit '" + std::string(rest) + "'");
}

std::string ToString(ByteSize size) {
  constexpr std::array kNamed = {Unit{"TB", kKilo * kKilo * kKilo * kKilo},
                                 Unit{"GB", kKilo * kKilo * kKilo},
                                 Unit{"MB", kKilo * kKilo},
                                 Unit{"TiB", 1ULL << 40U},
                                 Unit{"GiB", 1ULL << 30U},
                                 Unit{"MiB", 1ULL << 20U},
                                 Unit{"KB", kKilo},
                                 Unit{"KiB", 1ULL << 10U}};
  for (const Unit& unit : kNamed) {
    if (size.bytes() != 0 && size.bytes() % unit.factor == 0) {
      return std::to_string(size.bytes() / unit.factor) + std::string(unit.name);
    }
  }
  return std::to_string(size.bytes()) + "B";
}

std::string HumanBytes(ByteSize size) {
  constexpr std::array<std::string_view, 5> kNames = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(size.bytes());
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kNames.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 64> buffer{};
  const bool whole = value == std::floor(value);
  const char* format = whole ? "%.0f %.*s" : "%.1f %.*s";
  const int length = std::snprintf(buffer.data(), buffer.size(), format, value,
                                   static_cast<int>(kNames[unit].size()), kNames[unit].data());
  return {buffer.data(), static_cast<std::size_t>(length)};
}

}  // namespace fabro
