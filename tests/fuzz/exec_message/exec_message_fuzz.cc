// The body of an Exec message as init unpacks it: a refusal, or strings and instructions that lie
// within the message.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "fabro/jail/child/payload.h"

namespace {

using namespace fabro::jail;

void Require(bool holds) {
  if (!holds) std::abort();
}

void RequireWithin(const char* text, const std::vector<char>& body) {
  const char* end = body.data() + body.size();
  Require(text >= body.data() && text < end);
  Require(std::memchr(text, '\0', static_cast<std::size_t>(end - text)) != nullptr);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static child::Payload payload;
  std::vector<char> body(data, data + size);
  child::Packet packet;
  packet.type = wire::Type::kExec;
  packet.body = body.data();
  packet.length = static_cast<std::uint32_t>(size);
  // As many descriptors as the message says that it has; none is real, so none is closed.
  wire::Exec exec;
  if (packet.Read(exec)) {
    packet.fd_count = 1 + (exec.tty == 0 ? 3 : 0) + exec.leaf_fds + (exec.has_program != 0 ? 1 : 0);
    if (packet.fd_count > static_cast<int>(wire::kMaxFds)) packet.fd_count = 0;
    for (int i = 0; i < packet.fd_count; ++i) packet.fds[i] = -1;
  }
  if (child::ReadPayload(packet, payload) != 0) return 0;
  Require(payload.exec.argc > 0 && payload.exec.filter_count > 0);
  for (char** each = payload.argv; *each != nullptr; ++each) RequireWithin(*each, body);
  for (char** each = payload.env; *each != nullptr; ++each) RequireWithin(*each, body);
  const char* filter = reinterpret_cast<const char*>(payload.filter);
  Require(filter >= body.data() &&
          filter + payload.exec.filter_count * sizeof(sock_filter) <= body.data() + body.size());
  return 0;
}
