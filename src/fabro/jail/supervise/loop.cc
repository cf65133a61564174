#include "fabro/jail/supervise/loop.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "fabro/linux/poll.h"

namespace fabro::jail::supervise {

Loop::Id Loop::Watch(int fd, short events, std::function<void(short)> handler) {
  watched_.emplace(++last_, Watched{fd, events, std::move(handler)});
  return last_;
}

Loop::Id Loop::At(TimePoint when, std::function<void()> handler) {
  timers_.emplace(++last_, Timer{when, std::move(handler)});
  return last_;
}

void Loop::Remove(Id& id) {
  const Id gone = std::exchange(id, 0);
  watched_.erase(gone);
  timers_.erase(gone);
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

Status Loop::RunOnce(TimePoint limit) {
  std::vector<pollfd> fds;
  std::vector<Id> ids;
  for (const auto& [id, watched] : watched_) {
    fds.push_back({.fd = watched.fd, .events = watched.events, .revents = 0});
    ids.push_back(id);
  }
  for (const auto& [id, timer] : timers_) limit = std::min(limit, timer.when);
  TRY(Poll(fds, limit == TimePoint::max() ? Deadline() : Deadline(limit)));
  for (std::size_t i = 0; i < fds.size(); ++i) {
    if (fds[i].revents == 0) continue;
    const auto found = watched_.find(ids[i]);
    if (found == watched_.end()) continue;
    // A copy: the handler may remove its own watch.
    const auto handler = found->second.handler;
    handler(fds[i].revents);
  }
  RunTimers();
  return {};
}

}  // namespace fabro::jail::supervise
