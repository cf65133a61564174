#include "fabro/egress/parse/dns.h"

namespace fabro::egress::dns {
namespace {

constexpr std::size_t kHeader = 12;
constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kMaxName = 255;  // With its length bytes and the root.
constexpr unsigned kIsAnswer = 0x8000;
constexpr unsigned kOpcode = 0x7800;
constexpr unsigned kAuthoritative = 0x0400;
constexpr unsigned kRecursionDesired = 0x0100;
constexpr unsigned kRecursionAvailable = 0x0080;

std::uint16_t Number(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[at]) << 8U |
                                    static_cast<unsigned char>(bytes[at + 1]));
}

void Append(std::string& out, std::uint32_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
}

// The name at kHeader; where it ends, or 0. A first name has nothing before it to point at.
std::size_t ReadName(std::string_view message, std::string& name) {
  bool plain = true;
  for (std::size_t at = kHeader; at < message.size();) {
    const std::size_t length = static_cast<unsigned char>(message[at++]);
    if (at - kHeader + length > kMaxName) return 0;
    if (length == 0) {
      if (!plain) name.clear();
      return at;
    }
    if (length > kMaxLabel || at + length > message.size()) return 0;
    if (!name.empty()) name += '.';
    for (const char c : message.substr(at, length)) {
      plain = plain && c > ' ' && c < 0x7F && c != '.';
      name += c;
    }
    at += length;
  }
  return 0;
}

}  // namespace

std::optional<Parsed> ParseQuery(std::string_view message) {
  if (message.size() < kHeader) return std::nullopt;
  const unsigned flags = Number(message, 2);
  if ((flags & kIsAnswer) != 0) return std::nullopt;
  Parsed parsed;
  parsed.query.id = Number(message, 0);
  parsed.query.recursion_desired = (flags & kRecursionDesired) != 0;
  if ((flags & kOpcode) != 0) {
    parsed.trouble = Rcode::kNotImplemented;
    return parsed;
  }
  parsed.trouble = Rcode::kFormatError;
  const bool one_question = Number(message, 4) == 1 && Number(message, 6) == 0 &&
                            Number(message, 8) == 0 && Number(message, 10) <= 1;
  if (message.size() > kMaxMessage || !one_question) return parsed;
  std::string name;
  const std::size_t end = ReadName(message, name);
  if (end == 0 || end + 4 > message.size()) return parsed;
  parsed.trouble = Rcode::kNoError;
  parsed.query.name = std::move(name);
  parsed.query.type = Number(message, end);
  parsed.query.qclass = Number(message, end + 2);
  parsed.query.question = message.substr(kHeader, end + 4 - kHeader);
  return parsed;
}

std::string BuildAnswer(const Query& query, Rcode rcode,
                        const std::optional<model::IpAddress>& address, std::uint32_t ttl_seconds) {
  std::string out;
  unsigned flags = kIsAnswer | kRecursionAvailable | static_cast<unsigned>(rcode);
  if (rcode == Rcode::kNoError) flags |= kAuthoritative;
  if (query.recursion_desired) flags |= kRecursionDesired;
  Append(out, query.id, 2);
  Append(out, flags, 2);
  Append(out, query.question.empty() ? 0 : 1, 2);
  Append(out, address ? 1 : 0, 2);
  Append(out, 0, 4);
  out.append(query.question);
  if (!address) return out;
  constexpr std::uint32_t kNameOfQuestion = 0xC000 | kHeader;
  const std::uint32_t size = address->v6 ? 16 : 4;
  Append(out, kNameOfQuestion, 2);
  Append(out, address->v6 ? kTypeAaaa : kTypeA, 2);
  Append(out, kClassIn, 2);
  Append(out, ttl_seconds, 4);
  Append(out, size, 2);
  out.append(reinterpret_cast<const char*>(address->bytes.data()), size);
  return out;
}

}  // namespace fabro::egress::dns
