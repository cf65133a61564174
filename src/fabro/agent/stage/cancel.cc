#include "fabro/agent/stage/cancel.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "fabro/linux/poll.h"

namespace fabro::agent {
namespace {

Status Watch(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) return SysFailure("epoll_ctl");
  return {};
}

}  // namespace

Result<CancelOrTimeout> CancelOrTimeout::Make(int cancel_fd, std::optional<Nanos> limit) {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return SysFailure("epoll_create1");
  if (cancel_fd >= 0) TRY(Watch(epoll.get(), cancel_fd));
  UniqueFd timer;
  if (limit) {
    timer.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!timer) return SysFailure("timerfd_create");
    // Zero would disarm it.
    const auto nanos = std::max<std::int64_t>(limit->count(), 1);
    itimerspec spec{};
    spec.it_value = {.tv_sec = nanos / 1'000'000'000, .tv_nsec = nanos % 1'000'000'000};
    if (::timerfd_settime(timer.get(), 0, &spec, nullptr) != 0)
      return SysFailure("timerfd_settime");
    TRY(Watch(epoll.get(), timer.get()));
  }
  return CancelOrTimeout(std::move(epoll), std::move(timer));
}

bool CancelOrTimeout::timed_out() const {
  if (!timer_) return false;
  const auto events = PollOne(timer_.get(), POLLIN, std::chrono::steady_clock::now());
  return events.ok() && *events != 0;
}

}  // namespace fabro::agent
