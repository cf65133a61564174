#include "fabro/egress/splice.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace fabro::egress {
namespace {

constexpr std::size_t kAtOnce = 65536;  // A pipe's size where it is not cut.
constexpr int kRounds = 4;              // Then others have their turn.
constexpr unsigned kFlags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;

bool IsBlocked() { return errno == EAGAIN || errno == EINTR; }

}  // namespace

Status Flow::Open() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return SysFailure("pipe2");
  read_end_.reset(ends[0]);
  write_end_.reset(ends[1]);
  return {};
}

Flow::Step Flow::Write(int to) {
  while (!first_.empty()) {
    const ssize_t sent = ::send(to, first_.data(), first_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return IsBlocked() ? Step::kBlocked : Step::kFailed;
    first_.erase(0, static_cast<std::size_t>(sent));
  }
  while (held_ > 0) {
    const ssize_t sent = ::splice(read_end_.get(), nullptr, to, nullptr, held_, kFlags);
    if (sent < 0) return IsBlocked() ? Step::kBlocked : Step::kFailed;
    held_ -= std::min(held_, static_cast<std::size_t>(sent));
  }
  return Step::kDone;
}

Flow::Moved Flow::Pump(int from, int to, std::size_t allowance) {
  Moved moved;
  if (finished_) return moved;
  for (int round = 0; round < kRounds; ++round) {
    const Step step = Write(to);
    moved.failed = step == Step::kFailed;
    if (step != Step::kDone) return moved;
    // Only into an empty pipe: a full one would say EAGAIN as an empty socket does.
    const std::size_t most = std::min(kAtOnce, allowance - std::min(allowance, moved.read));
    if (most == 0) return moved;
    const ssize_t got = ::splice(from, nullptr, write_end_.get(), nullptr, most, kFlags);
    if (got < 0) {
      moved.failed = !IsBlocked();
      return moved;
    }
    if (got == 0) {  // Its end, and all before it is written.
      (void)::shutdown(to, SHUT_WR);
      finished_ = true;
      return moved;
    }
    held_ = static_cast<std::size_t>(got);
    moved.read += held_;
  }
  return moved;
}

}  // namespace fabro::egress
