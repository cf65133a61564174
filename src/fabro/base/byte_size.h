// ByteSize: an amount of bytes that is not just any integer, and the text forms that people write.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "fabro/base/result.h"

namespace fabro {

class ByteSize {
 public:
  constexpr ByteSize() = default;
  explicit constexpr ByteSize(std::uint64_t bytes) : bytes_(bytes) {}
  constexpr std::uint64_t bytes() const { return bytes_; }
  friend constexpr auto operator<=>(ByteSize, ByteSize) = default;

 private:
  std::uint64_t bytes_ = 0;
};

consteval ByteSize operator""_B(unsigned long long n) { return ByteSize(n); }
consteval ByteSize operator""_KiB(unsigned long long n) { return ByteSize(n << 10U); }
consteval ByteSize operator""_MiB(unsigned long long n) { return ByteSize(n << 20U); }
consteval ByteSize operator""_GiB(unsigned long long n) { return ByteSize(n << 30U); }

// "512MiB", "4GB", "64k", "100": decimal units k KB MB GB TB (powers of 1000), binary Ki KiB MiB
// GiB TiB (powers of 1024), B, case-insensitive, one number without sign or fraction. The bare
// letters K, M, G, T mean the binary unit, as in systemd and Docker. Errors say what was wrong with
// `text`; zero parses, ranges are the caller's.
Result<ByteSize> ParseByteSize(std::string_view text);

// The shortest exact form: "512MiB", "4GB" (largest unit that divides), else "1234B".
std::string ToString(ByteSize size);

// For people, rounded: "1.5 MiB".
std::string HumanBytes(ByteSize size);

}  // namespace fabro
