#include "fabro/base/id.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include "fabro/base/check.h"

namespace fabro {
namespace {

constexpr std::string_view kCrockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t kUlidLength = 26;
constexpr std::size_t kRandomLength = 10;

unsigned Byte(std::string_view bytes, std::size_t index) {
  return static_cast<unsigned char>(bytes[index]);
}

}  // namespace

std::string MakeUlid(std::chrono::milliseconds unix_time, std::string_view random) {
  CHECK(random.size() >= kRandomLength);
  std::string id(kUlidLength, '0');
  auto time = static_cast<std::uint64_t>(unix_time.count());
  for (std::size_t i = 10; i-- > 0; time >>= 5U) id[i] = kCrockford[time & 31U];
  // 80 bits make 16 digits of 5; two halves of 40 bits make 8 digits each.
  for (std::size_t half = 0; half < 2; ++half) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < 5; ++i) bits = bits << 8U | Byte(random, half * 5 + i);
    for (std::size_t i = 8; i-- > 0; bits >>= 5U) id[10 + half * 8 + i] = kCrockford[bits & 31U];
  }
  return id;
}

bool IsUlid(std::string_view text) {
  return text.size() == kUlidLength && text.front() <= '7' &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return kCrockford.find(c) != std::string_view::npos; });
}

std::string MakeUuidV7(std::chrono::milliseconds unix_time, std::string_view random) {
  CHECK(random.size() >= kRandomLength);
  const auto time = static_cast<std::uint64_t>(unix_time.count());
  std::array<unsigned, 16> bytes{};
  for (std::size_t i = 0; i < 6; ++i) bytes[i] = static_cast<unsigned>(time >> (40 - 8 * i)) & 255U;
  for (std::size_t i = 0; i < kRandomLength; ++i) bytes[6 + i] = Byte(random, i);
  bytes[6] = (bytes[6] & 15U) | 0x70U;  // Version 7.
  bytes[8] = (bytes[8] & 63U) | 0x80U;  // Variant of RFC 9562.
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    constexpr std::string_view kHex = "0123456789abcdef";
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += kHex[bytes[i] >> 4U];
    text += kHex[bytes[i] & 15U];
  }
  return text;
}

std::string RandomBytes(std::size_t count) {
  std::string bytes(count, '\0');
  std::size_t filled = 0;
  while (filled < count) {
    const ssize_t got = ::getrandom(bytes.data() + filled, count - filled, 0);
    CHECK(got > 0 || errno == EINTR);
    if (got > 0) filled += static_cast<std::size_t>(got);
  }
  return bytes;
}

}  // namespace fabro
