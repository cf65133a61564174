#include "fabro/egress/loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace fabro::egress {

Result<std::unique_ptr<Loop>> Loop::Make() {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return SysFailure("epoll_create1");
  return std::unique_ptr<Loop>(new Loop(std::move(epoll)));
}

void Loop::Control(int operation, int fd, Id id, std::uint32_t events) const {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  // It can fail for want of memory alone; then nothing is heard, and a deadline ends the work.
  (void)::epoll_ctl(epoll_.get(), operation, fd, &event);
}

Loop::Id Loop::Watch(int fd, std::uint32_t events, Handler handler) {
  const Id id = ++last_;
  watched_.emplace(id, Watched{fd, events, std::make_shared<Handler>(std::move(handler))});
  if (events != 0) Control(EPOLL_CTL_ADD, fd, id, events);
  return id;
}

void Loop::Change(Id id, std::uint32_t events) {
  const auto found = watched_.find(id);
  if (found == watched_.end() || found->second.events == events) return;
  Watched& watched = found->second;
  // Taken out rather than left without events: a hang-up is reported whether asked for or not.
  const int operation = events == 0           ? EPOLL_CTL_DEL
                        : watched.events == 0 ? EPOLL_CTL_ADD
                                              : EPOLL_CTL_MOD;
  watched.events = events;
  Control(operation, watched.fd, id, events);
}

Loop::Id Loop::At(TimePoint when, std::function<void()> handler) {
  timers_.emplace(++last_, Timer{when, std::move(handler)});
  return last_;
}

void Loop::Remove(Id& id) {
  const Id gone = std::exchange(id, 0);
  const auto found = watched_.find(gone);
  if (found != watched_.end()) {
    if (found->second.events != 0) Control(EPOLL_CTL_DEL, found->second.fd, gone, 0);
    watched_.erase(found);
  }
  timers_.erase(gone);
}

int Loop::WaitMillis() const {
  if (timers_.empty()) return -1;
  TimePoint next = TimePoint::max();
  for (const auto& [id, timer] : timers_) next = std::min(next, timer.when);
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(next - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}

void Loop::RunTimers() {
  const TimePoint now = std::chrono::steady_clock::now();
  std::vector<Id> due;
  for (const auto& [id, timer] : timers_) {
    if (timer.when <= now) due.push_back(id);
  }
  for (const Id id : due) {
    const auto node = timers_.extract(id);  // A handler before this one may have removed it.
    if (!node.empty()) node.mapped().handler();
  }
}

Status Loop::RunOnce() {
  std::array<epoll_event, 128> events{};
  const int count =
      ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), WaitMillis());
  if (count < 0 && errno != EINTR) return SysFailure("epoll_wait");
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    const auto found = watched_.find(event.data.u64);
    if (found == watched_.end()) continue;  // Removed by a handler before this one.
    const std::shared_ptr<Handler> handler = found->second.handler;
    (*handler)(event.events);
  }
  RunTimers();
  return {};
}

}  // namespace fabro::egress
