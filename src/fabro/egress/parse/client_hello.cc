#include <cstdint>
#include <optional>

#include "fabro/egress/parse/first_bytes.h"
#include "fabro/model/egress.h"

namespace fabro::egress {
namespace {

using State = FirstBytes::State;

constexpr unsigned kHandshakeRecord = 22;
constexpr unsigned kClientHello = 1;
constexpr unsigned kServerName = 0;
constexpr unsigned kHostName = 0;
constexpr std::size_t kMaxRecord = 16384;

// Big-endian numbers and counted parts; what does not fit makes it bad for good.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  unsigned Number(std::size_t bytes) {
    unsigned value = 0;
    for (const char c : Take(bytes)) value = value << 8U | static_cast<unsigned char>(c);
    return value;
  }
  std::string_view Take(std::size_t bytes) {
    if (bytes > rest_.size()) {
      bad_ = true;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
  }
  std::string_view Part(std::size_t length_bytes) { return Take(Number(length_bytes)); }
  bool empty() const { return rest_.empty(); }
  bool bad() const { return bad_; }

 private:
  std::string_view rest_;
  bool bad_ = false;
};

// The first handshake message of the records, as far as it is there. nullopt: no TLS.
struct Handshake {
  std::string bytes;
  bool whole = false;
};
std::optional<Handshake> Gather(std::string_view records) {
  Handshake handshake;
  while (!records.empty()) {
    if (static_cast<unsigned char>(records[0]) != kHandshakeRecord) return std::nullopt;
    if (records.size() > 1 && records[1] != 3) return std::nullopt;
    if (records.size() < 5) return handshake;
    const std::size_t length = static_cast<std::size_t>(static_cast<unsigned char>(records[3]))
                                   << 8U |
                               static_cast<unsigned char>(records[4]);
    if (length == 0 || length > kMaxRecord) return std::nullopt;
    handshake.bytes.append(records.substr(5, length));
    if (!handshake.bytes.empty() && handshake.bytes[0] != kClientHello) return std::nullopt;
    if (handshake.bytes.size() >= 4) {
      Reader head(std::string_view(handshake.bytes).substr(1));
      if (handshake.bytes.size() >= 4 + std::size_t{head.Number(3)}) {
        handshake.whole = true;
        return handshake;
      }
    }
    if (records.size() < 5 + length) return handshake;
    records.remove_prefix(5 + length);
  }
  return handshake;
}

FirstBytes Other() { return {}; }

FirstBytes ReadServerNames(std::string_view extension) {
  Reader list(extension);
  Reader names(list.Part(2));
  if (list.bad() || !list.empty()) return Other();
  std::optional<std::string> found;
  while (!names.empty()) {
    const unsigned type = names.Number(1);
    const std::string_view name = names.Part(2);
    if (names.bad() || type != kHostName || found) return Other();
    found = model::NormalName(name);
    if (!found) return Other();
  }
  if (!found) return Other();
  return {.state = State::kName, .name = *found};
}

}  // namespace

FirstBytes ReadClientHello(std::string_view bytes) {
  const std::optional<Handshake> handshake = Gather(bytes);
  if (!handshake) return Other();
  if (!handshake->whole) {
    return bytes.size() < kMaxFirstBytes ? FirstBytes{.state = State::kMore, .name = {}} : Other();
  }
  Reader message(std::string_view(handshake->bytes).substr(1));
  Reader hello(message.Part(3));
  hello.Take(2 + 32);  // Version and random.
  hello.Part(1);       // Session.
  hello.Part(2);       // Cipher suites.
  hello.Part(1);       // Compression.
  if (hello.bad()) return Other();
  if (hello.empty()) return {.state = State::kNothing, .name = {}};
  Reader extensions(hello.Part(2));
  if (hello.bad() || !hello.empty()) return Other();
  FirstBytes result{.state = State::kNothing, .name = {}};
  while (!extensions.empty()) {
    const unsigned type = extensions.Number(2);
    const std::string_view body = extensions.Part(2);
    if (extensions.bad()) return Other();
    if (type != kServerName) continue;
    if (result.state != State::kNothing) return Other();  // Said twice.
    result = ReadServerNames(body);
    if (result.state != State::kName) return Other();
  }
  return result;
}

}  // namespace fabro::egress
