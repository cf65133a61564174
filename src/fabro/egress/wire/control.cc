#include "fabro/egress/wire/control.h"

#include <algorithm>

namespace fabro::egress::wire {
namespace {

constexpr std::size_t kMaxName = 256;
constexpr std::size_t kMaxErrorText = 4096;
constexpr std::uint32_t kMaxPortRanges = 1024;
constexpr std::uint32_t kMaxDenials = 64;

Error Malformed(std::string_view what) {
  return Failure(Code::kInvalidArgument, "malformed message: " + std::string(what),
                 "protocol_error", "use faber-jailer and faber-egressd of one build");
}

void WriteRange(ByteWriter& out, const model::IpRange& range) {
  out.Bool(range.base.v6);
  for (const std::uint8_t byte : range.base.bytes) out.U8(byte);
  out.U8(range.prefix);
}

model::IpRange ReadRange(ByteReader& in) {
  model::IpRange range;
  range.base.v6 = in.Bool();
  for (std::uint8_t& byte : range.base.bytes) byte = in.U8();
  range.prefix = in.U8();
  const bool tail = std::any_of(range.base.bytes.begin() + 4, range.base.bytes.end(),
                                [](std::uint8_t byte) { return byte != 0; });
  if (range.prefix > range.base.bits() || (!range.base.v6 && tail)) in.Fail();
  return range;
}

}  // namespace

std::string Encode(Type type, std::uint64_t sandbox, std::string_view body) {
  ByteWriter out;
  out.U16(kVersion);
  out.U8(static_cast<std::uint8_t>(type));
  out.U64(sandbox);
  return out.Take().append(body);
}

Result<Message> Decode(std::string_view packet) {
  constexpr std::size_t kHead = 11;
  ByteReader in(packet);
  const std::uint16_t version = in.U16();
  Message message;
  message.type = in.Enum(Type::kFailed);
  message.sandbox = in.U64();
  if (in.bad() || version != kVersion) return Malformed("head");
  message.body = packet.substr(kHead);
  return message;
}

void Write(ByteWriter& out, const model::EgressPolicy& policy) {
  out.List(policy.hosts, [&](const model::HostRule& rule) {
    out.U8(static_cast<std::uint8_t>(rule.kind));
    out.Text(rule.name);
    WriteRange(out, rule.range);
    out.Bool(rule.allow_private);
  });
  out.List(policy.ports, [&](const model::PortRange& range) {
    out.U16(range.first);
    out.U16(range.last);
  });
  out.Bool(policy.allow_all);
  out.Bool(policy.tls_sni);
  out.Bool(policy.http_host);
  out.U32(policy.max_connections);
  out.Optional(policy.max_bytes, [&](ByteSize size) { out.U64(size.bytes()); });
  out.Optional(policy.bytes_per_second, [&](ByteSize size) { out.U64(size.bytes()); });
  out.I64(policy.idle_timeout.count());
  WriteRange(out, policy.synthetic_v4);
  WriteRange(out, policy.synthetic_v6);
}

model::EgressPolicy ReadPolicy(ByteReader& in) {
  model::EgressPolicy policy;
  const std::uint32_t hosts = in.Count(model::kMaxHostRules);
  for (std::uint32_t i = 0; i < hosts && !in.bad(); ++i) {
    model::HostRule rule;
    rule.kind = in.Enum(model::HostRule::Kind::kRange);
    rule.name = in.Text(kMaxName);
    rule.range = ReadRange(in);
    rule.allow_private = in.Bool();
    policy.hosts.push_back(std::move(rule));
  }
  policy.ports.clear();
  const std::uint32_t ports = in.Count(kMaxPortRanges);
  for (std::uint32_t i = 0; i < ports && !in.bad(); ++i) {
    model::PortRange range;
    range.first = in.U16();
    range.last = in.U16();
    policy.ports.push_back(range);
  }
  policy.allow_all = in.Bool();
  policy.tls_sni = in.Bool();
  policy.http_host = in.Bool();
  policy.max_connections = in.U32();
  if (in.Bool()) policy.max_bytes = ByteSize(in.U64());
  if (in.Bool()) policy.bytes_per_second = ByteSize(in.U64());
  policy.idle_timeout = Nanos(in.I64());
  policy.synthetic_v4 = ReadRange(in);
  policy.synthetic_v6 = ReadRange(in);
  return policy;
}

void Write(ByteWriter& out, const model::NetworkUsage& usage) {
  out.U64(usage.connections);
  out.U64(usage.sent.bytes());
  out.U64(usage.received.bytes());
  out.List(usage.denied, [&](const model::NetworkDenial& denial) {
    out.Text(denial.name);
    out.U16(denial.port);
    out.U8(static_cast<std::uint8_t>(denial.reason));
    out.U32(denial.count);
  });
  out.U64(usage.denied_dropped);
  out.Bool(usage.unavailable);
}

model::NetworkUsage ReadUsage(ByteReader& in) {
  model::NetworkUsage usage;
  usage.connections = in.U64();
  usage.sent = ByteSize(in.U64());
  usage.received = ByteSize(in.U64());
  const std::uint32_t denied = in.Count(kMaxDenials);
  for (std::uint32_t i = 0; i < denied && !in.bad(); ++i) {
    model::NetworkDenial denial;
    denial.name = in.Text(kMaxName);
    denial.port = in.U16();
    denial.reason = in.Enum(model::DenyReason::kUnreachable);
    denial.count = in.U32();
    usage.denied.push_back(std::move(denial));
  }
  usage.denied_dropped = in.U64();
  usage.unavailable = in.Bool();
  return usage;
}

std::string Encode(const Add& add) {
  ByteWriter out;
  Write(out, add.policy);
  out.Bool(add.ipv6);
  return out.Take();
}

Result<Add> DecodeAdd(std::string_view body) {
  ByteReader in(body);
  Add add;
  add.policy = ReadPolicy(in);
  add.ipv6 = in.Bool();
  if (!in.Complete()) return Malformed("sandbox");
  return add;
}

std::string EncodeError(const Error& error) {
  ByteWriter out;
  out.Text(error.ToString().substr(0, kMaxErrorText));
  out.Text(error.reason.substr(0, kMaxName));
  out.Text(error.fix.substr(0, kMaxErrorText));
  return out.Take();
}

Error DecodeError(std::string_view body) {
  ByteReader in(body);
  const std::string message = in.Text(kMaxErrorText);
  const std::string reason = in.Text(kMaxName);
  const std::string fix = in.Text(kMaxErrorText);
  if (!in.Complete()) return Malformed("error");
  return Failure(Code::kUnavailable, message, reason, fix);
}

}  // namespace fabro::egress::wire
