#include "fabro/base/duration.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>

namespace fabro {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t nanos;
};

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::array kUnits = {Unit{"d", 86400 * kSecond},
                               Unit{"h", 3600 * kSecond},
                               Unit{"m", 60 * kSecond},
                               Unit{"s", kSecond},
                               Unit{"ms", 1'000'000},
                               Unit{"us", 1000},
                               Unit{"ns", 1}};

Error BadDuration(std::string_view text, std::string_view why) {
  return Failure(Code::kInvalidArgument,
                 "'" + std::string(text) + "' is not a duration: " + std::string(why),
                 "bad_duration", "write a whole number with ms, s, m, h or d, for example 30s");
}

template <typename... Args>
std::string Print(const char* format, Args... args) {
  std::array<char, 64> buffer{};
  const int length = std::snprintf(buffer.data(), buffer.size(), format, args...);
  return {buffer.data(), static_cast<std::size_t>(length)};
}

}  // namespace

Result<Nanos> ParseDuration(std::string_view text, bool bare_seconds) {
  if (text.empty()) return BadDuration(text, "it is empty");
  if (text.front() == '-') return BadDuration(text, "it is negative");
  std::int64_t number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status == std::errc::result_out_of_range) return BadDuration(text, "it is too long");
  if (status != std::errc()) return BadDuration(text, "it does not start with a number");
  std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (unit.empty() && bare_seconds) unit = "s";
  if (unit.empty()) return BadDuration(text, "the unit is missing");
  for (const Unit& known : kUnits) {
    if (known.name != unit) continue;
    std::int64_t nanos = 0;
    if (__builtin_mul_overflow(number, known.nanos, &nanos)) {
      return BadDuration(text, "it is too long");
    }
    return Nanos(nanos);
  }
  return BadDuration(text, "unknown unit '" + std::string(unit) + "'");
}

std::string ToString(Nanos span) {
  if (span.count() == 0) return "0s";
  for (const Unit& unit : kUnits) {
    if (span.count() % unit.nanos == 0) {
      return std::to_string(span.count() / unit.nanos) + std::string(unit.name);
    }
  }
  return std::to_string(span.count()) + "ns";
}

std::string HumanDuration(Nanos span) {
  const auto seconds = static_cast<double>(span.count()) / static_cast<double>(kSecond);
  if (seconds < 1) return Print("%.0fms", seconds * 1000);
  if (seconds < 60) return Print("%.1fs", seconds);
  const auto whole = static_cast<long long>(seconds);
  if (whole < 3600) return Print("%lldm%02llds", whole / 60, whole % 60);
  return Print("%lldh%02lldm", whole / 3600, whole / 60 % 60);
}

}  // namespace fabro
