// DNS as a name server without a zone needs it: one question in, one answer out. Nothing that is
// here was ever forwarded to anybody. Pure; never reads past the end.
//
// Source: RFC 1035, sections 3 and 4; RFC 6891 for the additional OPT record, which is ignored.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "fabro/model/ip.h"

namespace fabro::egress::dns {

inline constexpr std::size_t kMaxMessage = 512;  // A longer question is none that we answer.

inline constexpr std::uint16_t kTypeA = 1;
inline constexpr std::uint16_t kTypeAaaa = 28;
inline constexpr std::uint16_t kClassIn = 1;

enum class Rcode : std::uint8_t {
  kNoError = 0,
  kFormatError = 1,
  kServerFailure = 2,
  kNotImplemented = 4,
  kRefused = 5,
};

struct Query {
  std::uint16_t id = 0;
  bool recursion_desired = false;
  std::string name;  // As it came, labels joined by dots, printable ASCII; empty: another name.
  std::uint16_t type = 0;
  std::uint16_t qclass = 0;
  std::string_view question;  // Its bytes, to be repeated in the answer. Points into the message.
};

struct Parsed {
  Rcode trouble = Rcode::kNoError;  // What to answer when it is no question of the ordinary kind.
  Query query;
};

// nullopt: nothing that deserves an answer (too short, or itself an answer).
std::optional<Parsed> ParseQuery(std::string_view message);

// With one address, or with none: "no such data", or the error.
std::string BuildAnswer(const Query& query, Rcode rcode,
                        const std::optional<model::IpAddress>& address, std::uint32_t ttl_seconds);

}  // namespace fabro::egress::dns
