// The jailer's loop: descriptors with handlers, and timers, on one thread and poll(2). Handlers may
// add and remove any watch and timer, their own too.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>

#include "fabro/base/result.h"

namespace fabro::jail::supervise {

class Loop {
 public:
  using Id = std::uint64_t;  // 0 is none; never used twice.
  using TimePoint = std::chrono::steady_clock::time_point;

  // `fd` stays the caller's, and open until Remove. Called with the events, POLLHUP and POLLERR
  // too.
  Id Watch(int fd, short events, std::function<void(short)> handler);
  // Calls once, not before `when`.
  Id At(TimePoint when, std::function<void()> handler);
  // Of a watch or timer; sets it to 0. None, or one that is over, is no error.
  void Remove(Id& id);

  // Waits for events and calls their handlers, at most until `limit`.
  Status RunOnce(TimePoint limit = TimePoint::max());

 private:
  struct Watched {
    int fd;
    short events;
    std::function<void(short)> handler;
  };
  struct Timer {
    TimePoint when;
    std::function<void()> handler;
  };
  void RunTimers();

  Id last_ = 0;
  std::map<Id, Watched> watched_;
  std::map<Id, Timer> timers_;  // Few: a search is cheaper than a second order.
};

}  // namespace fabro::jail::supervise
