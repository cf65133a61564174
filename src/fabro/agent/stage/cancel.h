// One descriptor that is readable when another one is, or when a time limit has passed.
#pragma once

#include <optional>
#include <utility>

#include "fabro/base/duration.h"
#include "fabro/base/result.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::agent {

class CancelOrTimeout {
 public:
  // `cancel_fd` -1: the limit alone; without both, fd() is never readable. Borrows `cancel_fd`.
  static Result<CancelOrTimeout> Make(int cancel_fd, std::optional<Nanos> limit);

  int fd() const { return epoll_.get(); }
  bool timed_out() const;

 private:
  CancelOrTimeout(UniqueFd epoll, UniqueFd timer)
      : epoll_(std::move(epoll)), timer_(std::move(timer)) {}
  UniqueFd epoll_;
  UniqueFd timer_;  // Empty: no limit.
};

}  // namespace fabro::agent
