// What a sandbox with network mode `egress` may reach, and what came of it. Values and the reading
// of one entry of an allow list; the decisions are made in egress/ (isolation specification, 10.3).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/byte_size.h"
#include "fabro/base/duration.h"
#include "fabro/base/result.h"
#include "fabro/model/ip.h"

namespace fabro::model {

// One entry of the allow list: "example.com" that name alone; "*.example.com" every name below it,
// at any depth, but not itself; "192.0.2.7" or "10.1.0.0/16" addresses.
struct HostRule {
  enum class Kind { kName, kWildcard, kRange };
  Kind kind = Kind::kName;
  std::string name;            // kName; kWildcard: the zone. Lower case, without the last dot.
  IpRange range;               // kRange
  bool allow_private = false;  // The name may resolve to private addresses (10/8, fc00::/7, …).
  friend bool operator==(const HostRule&, const HostRule&) = default;
};

// As it is written in an allow list.
std::string ToString(const HostRule& rule);

// kInvalidArgument, "bad_host": what is wrong with it, and how to write it.
Result<HostRule> ParseHostRule(std::string_view text);

// A name as it is compared: lower case, no dot at its end. nullopt: no host name of at most 253
// bytes in labels of letters, digits, '-' and '_', or one that ends in a number, which programs
// take for an address ("0x7f.1", "2130706433").
std::optional<std::string> NormalName(std::string_view text);

struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  friend bool operator==(const PortRange&, const PortRange&) = default;
};

std::string ToString(const PortRange& range);  // "443" or "8000-8010"
// "443", "8000-8010"; kInvalidArgument, "bad_port". Not 53, where the sandbox's name server is.
Result<PortRange> ParsePortRange(std::string_view text);

// A listening socket each in the sandbox.
inline constexpr std::size_t kMaxPorts = 100;
inline constexpr std::size_t kMaxHostRules = 1024;
inline constexpr std::size_t kMaxRangeRules = 64;  // A route each in the sandbox.
inline constexpr std::uint32_t kMaxSyntheticNames = 4096;

struct EgressPolicy {
  std::vector<HostRule> hosts;
  std::vector<PortRange> ports = {{80, 80}, {443, 443}};
  bool allow_all = false;  // Every name and address outside the deny ranges.
  bool tls_sni = false;    // Every port but 80: the first bytes are a ClientHello for that name.
  bool http_host = false;  // Port 80: the first request is for that name.

  // Of all connections of the sandbox together.
  std::uint32_t max_connections = 256;       // At the same time.
  std::optional<ByteSize> max_bytes;         // Both directions, over the sandbox's life.
  std::optional<ByteSize> bytes_per_second;  // Both directions.
  Nanos idle_timeout = std::chrono::minutes(5);

  // Addresses that stand for names inside the sandbox; nothing outside is reached by them.
  IpRange synthetic_v4 = {IpAddress::V4(0xC6120000), 15};  // 198.18.0.0/15
  IpRange synthetic_v6 = {{true, {0xFD, 0x66, 0x00, 0x6B}}, 32};

  friend bool operator==(const EgressPolicy&, const EgressPolicy&) = default;
};

// The ports one by one, in order, each once.
std::vector<std::uint16_t> PortsOf(const EgressPolicy& policy);

// What the sandbox has as its name server: the first address of the range.
IpAddress NameServerOf(const EgressPolicy& policy);

// Contradictions and sizes: kInvalidArgument, "spec_invalid".
Status CheckEgress(const EgressPolicy& policy);

// Why something did not come through.
enum class DenyReason : std::uint8_t {
  kNameNotAllowed,     // Asked for in DNS.
  kAddressNotAllowed,  // Connected to without a rule for it.
  kAddressDenied,      // Resolved, or was allowed, into a deny range.
  kSniMismatch,        // No ClientHello, or one for another name.
  kHostMismatch,       // No HTTP request, or one for another name.
  kConnectionLimit,
  kByteLimit,
  kNameLimit,
  kUnresolved,  // Failures from here on: allowed, and did not work.
  kUnreachable,
};

// "name_not_allowed" and so on.
std::string_view ToString(DenyReason reason);
constexpr bool IsFailure(DenyReason reason) { return reason >= DenyReason::kUnresolved; }

struct NetworkDenial {
  std::string name;        // Or an address. Printable characters only.
  std::uint16_t port = 0;  // 0: a question to the name server.
  DenyReason reason = DenyReason::kNameNotAllowed;
  std::uint32_t count = 1;  // How often.
  friend bool operator==(const NetworkDenial&, const NetworkDenial&) = default;
};

// Of one command in a sandbox with mode `egress`. What other commands of the sandbox do at the same
// time counts here too.
struct NetworkUsage {
  std::uint64_t connections = 0;  // That reached their destination.
  ByteSize sent;
  ByteSize received;
  std::vector<NetworkDenial> denied;  // Different ones, at most 64; `denied_dropped` the others.
  std::uint64_t denied_dropped = 0;
  bool unavailable = false;  // The relay died: nothing was reachable from then on.
  friend bool operator==(const NetworkUsage&, const NetworkUsage&) = default;
};

}  // namespace fabro::model
