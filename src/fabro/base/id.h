// Strong names for ids, and the ids that we make.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "fabro/base/result.h"

namespace fabro {

// A T that does not mix with another Tagged<T>.
template <typename T, typename Tag>
class Tagged {
 public:
  Tagged() = default;
  explicit Tagged(T value) : value_(std::move(value)) {}
  const T& value() const& { return value_; }
  T&& value() && { return std::move(value_); }
  friend auto operator<=>(const Tagged&, const Tagged&) = default;

 private:
  T value_{};
};

using RunId = Tagged<std::string, struct RunIdTag>;  // A ULID.
using SandboxId =
    Tagged<std::string, struct SandboxIdTag>;              // "ns-<run id in lower case>" and so on.
using HostPath = Tagged<std::string, struct HostPathTag>;  // A path of this machine.
using GuestPath = Tagged<std::string, struct GuestPathTag>;  // A path as seen inside a sandbox.

// A ULID (https://github.com/ulid/spec): 48 bits of Unix milliseconds, 80 random bits, 26
// characters of Crockford's base 32. `random` holds the 80 bits, most significant byte first.
std::string MakeUlid(std::chrono::milliseconds unix_time, std::string_view random);
bool IsUlid(std::string_view text);

// A UUID version 7 (RFC 9562 section 5.7) from the same ingredients (10 random bytes).
std::string MakeUuidV7(std::chrono::milliseconds unix_time, std::string_view random);

// `count` bytes of getrandom(2). Aborts when the kernel has none to give: nothing sound can follow.
std::string RandomBytes(std::size_t count);

}  // namespace fabro
