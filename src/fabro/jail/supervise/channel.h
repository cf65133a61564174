// The host's end of the messages of child/wire.h. What comes from the guest's side is checked to
// the byte: a zygote or init that a kernel bug gave away must not be able to harm the jailer.
#pragma once

#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/jail/child/wire.h"
#include "fabro/linux/poll.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::jail::supervise {

struct WireMessage {
  wire::Type type = wire::Type::kFailed;
  std::string body;
  std::vector<UniqueFd> fds;
  bool closed = false;  // The other side is gone; nothing else is set.

  // The body as the struct of its type; false when it has another length.
  template <typename T>
  bool Read(T& out) const {
    if (body.size() != sizeof(T)) return false;
    std::memcpy(&out, body.data(), sizeof(T));
    return true;
  }
};

// A packet without its descriptors: header and length are checked. Pure.
Result<WireMessage> ParseWire(std::string_view packet);

// One message; waits for it until `deadline`, then kDeadlineExceeded.
Result<WireMessage> ReceiveWire(int socket, Deadline deadline);

// The same, and it must be of `type`: a kFailed is turned into the Error that StepError makes.
Result<WireMessage> ExpectWire(int socket, wire::Type type, Deadline deadline);

Status SendWire(int socket, wire::Type type, std::string_view body = {},
                std::span<const int> fds = {});

template <typename T>
std::string_view BytesOf(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

// Which layer the machine lacks, with errno and one fix (isolation.md 12): isolation_unavailable.
Error StepError(const wire::Failed& failed);

// `text` into the fixed array of a message, NUL-terminated; it was checked to fit.
template <std::size_t N>
void CopyText(char (&out)[N], std::string_view text) {
  const std::size_t length = text.size() < N ? text.size() : N - 1;
  std::memcpy(out, text.data(), length);
  out[length] = '\0';
}

}  // namespace fabro::jail::supervise
