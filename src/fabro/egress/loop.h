// egressd's loop: descriptors with handlers, and timers, on one thread and epoll(7). Handlers may
// add and remove any watch and timer, their own too.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>

#include "fabro/base/result.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::egress {

class Loop {
 public:
  using Id = std::uint64_t;  // 0 is none; never used twice.
  using TimePoint = std::chrono::steady_clock::time_point;
  using Handler = std::function<void(std::uint32_t)>;

  static Result<std::unique_ptr<Loop>> Make();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // `fd` stays the caller's, and open until Remove. Level-triggered; the handler gets EPOLLERR and
  // EPOLLHUP too while `events` is not 0. Without events nothing of it is heard.
  Id Watch(int fd, std::uint32_t events, Handler handler);
  void Change(Id id, std::uint32_t events);
  // Calls once, not before `when`.
  Id At(TimePoint when, std::function<void()> handler);
  // Of a watch or timer; sets it to 0. None, or one that is over, is no error.
  void Remove(Id& id);

  // Waits for events and calls their handlers.
  Status RunOnce();

 private:
  explicit Loop(UniqueFd epoll) : epoll_(std::move(epoll)) {}
  void Control(int operation, int fd, Id id, std::uint32_t events) const;
  int WaitMillis() const;
  void RunTimers();

  struct Watched {
    int fd;
    std::uint32_t events;
    std::shared_ptr<Handler> handler;  // Kept while it runs, whatever it removes.
  };
  struct Timer {
    TimePoint when;
    std::function<void()> handler;
  };

  UniqueFd epoll_;
  Id last_ = 0;
  std::unordered_map<Id, Watched> watched_;
  std::map<Id, Timer> timers_;  // Few: a search is cheaper than a second order.
};

}  // namespace fabro::egress
