// poll(2) with a deadline that signals do not stretch. For the synchronous rooms; the server's loop
// has its own.
#pragma once

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <span>

#include "fabro/base/result.h"

namespace fabro {

using Deadline = std::optional<std::chrono::steady_clock::time_point>;  // None: for ever.

// Fills `revents`. The number of descriptors with events; 0: the deadline passed.
inline Result<int> Poll(std::span<pollfd> fds, Deadline deadline = std::nullopt) {
  for (;;) {
    timespec left{};
    if (deadline.has_value()) {
      const auto span = std::chrono::duration_cast<std::chrono::nanoseconds>(
          *deadline - std::chrono::steady_clock::now());
      const auto nanos = std::max<std::chrono::nanoseconds::rep>(span.count(), 0);
      left = {.tv_sec = nanos / 1'000'000'000, .tv_nsec = nanos % 1'000'000'000};
    }
    const int ready = ::ppoll(fds.data(), fds.size(), deadline ? &left : nullptr, nullptr);
    if (ready >= 0) return ready;
    if (errno != EINTR) return SysFailure("ppoll");
  }
}

// The events that `fd` has of `events` (POLLHUP and POLLERR too); 0: the deadline passed.
inline Result<short> PollOne(int fd, short events, Deadline deadline = std::nullopt) {
  pollfd one{.fd = fd, .events = events, .revents = 0};
  TRY(Poll(std::span(&one, 1), deadline));
  return one.revents;
}

}  // namespace fabro
