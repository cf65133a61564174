// What a jailer and its faber-egressd say to each other, over AF_UNIX SOCK_SEQPACKET, one message a
// packet: version, type, sandbox, and a body in the form of base/bytes.h. The connection is the
// lease: when it hangs up, egressd ends and with it every connection of every sandbox.
//
//   kReady      egressd -> jailer, once: it is confined and serves.
//   kResolvers  the text of resolv.conf; before the first kAdd, and whenever it has changed.
//   kAdd        EgressPolicy and whether IPv6 works inside; descriptors: ledger (a memfd of
//               LedgerBytes()), UDP and TCP sockets of the name server, then one listening socket
//               for each of model::PortsOf(policy). Answer: kAdded or kFailed.
//   kRemove     Ends all of the sandbox. Answer: kRemoved.
//
// Pure. Decoders give kInvalidArgument, "protocol_error".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "fabro/base/bytes.h"
#include "fabro/base/result.h"
#include "fabro/model/egress.h"

namespace fabro::egress::wire {

inline constexpr std::uint16_t kVersion = 1;
inline constexpr std::size_t kMaxMessage = 192 * 1024;  // Below the default SO_SNDBUF.
inline constexpr std::size_t kFixedFds = 3;
inline constexpr std::size_t kMaxFds = kFixedFds + model::kMaxPorts;

enum class Type : std::uint8_t {
  kReady,
  kResolvers,
  kAdd,
  kAdded,
  kRemove,
  kRemoved,
  kFailed,
};

struct Message {
  Type type = Type::kFailed;
  std::uint64_t sandbox = 0;
  std::string_view body;  // Points into the packet.
};

std::string Encode(Type type, std::uint64_t sandbox = 0, std::string_view body = {});
Result<Message> Decode(std::string_view packet);

struct Add {
  model::EgressPolicy policy;
  bool ipv6 = true;
};
std::string Encode(const Add& add);
Result<Add> DecodeAdd(std::string_view body);

// The Error's message, reason and fix.
std::string EncodeError(const Error& error);
Error DecodeError(std::string_view body);

// The policy within another message: what the caller of a jailer sends, too.
void Write(ByteWriter& out, const model::EgressPolicy& policy);
model::EgressPolicy ReadPolicy(ByteReader& in);

// What came of it within an Outcome.
void Write(ByteWriter& out, const model::NetworkUsage& usage);
model::NetworkUsage ReadUsage(ByteReader& in);

}  // namespace fabro::egress::wire
