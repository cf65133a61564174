#include "fabro/workflow/engine/interviews.h"

#include <sys/eventfd.h>

#include <array>
#include <utility>

namespace fabro::workflow {

void Interviews::Post(const std::string& question_id, Posted posted) {
  const std::lock_guard lock(mutex_);
  posted_.emplace(question_id, std::move(posted));
  const auto waiting = waiting_.find(question_id);
  if (waiting == waiting_.end()) return;
  const std::uint64_t one = 1;
  (void)!::write(waiting->second.wake.get(), &one, sizeof one);  // A full counter is readable too.
}

Result<Interviews::Wake> Interviews::Wait(const std::string& question_id, Deadline deadline,
                                          int stop_fd, Posted& posted) {
  const int wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake < 0) return SysFailure("eventfd");
  {
    const std::lock_guard lock(mutex_);
    waiting_[question_id].wake = UniqueFd(wake);
  }
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      const auto found = posted_.lower_bound(question_id);  // The oldest of them.
      if (found != posted_.end() && found->first == question_id) {
        posted = std::move(found->second);
        posted_.erase(found);
        waiting_.erase(question_id);
        return Wake::kAnswer;
      }
    }
    std::array<pollfd, 2> fds{pollfd{.fd = wake, .events = POLLIN, .revents = 0},
                              pollfd{.fd = stop_fd, .events = POLLIN, .revents = 0}};
    auto ready = Poll(fds, deadline);
    const bool answered = ready.ok() && fds[0].revents != 0;
    if (answered) {
      std::uint64_t count = 0;
      (void)!::read(wake, &count, sizeof count);
      continue;
    }
    const std::lock_guard lock(mutex_);
    waiting_.erase(question_id);
    if (!ready.ok()) return std::move(ready).error();
    return *ready == 0 ? Wake::kTimeout : Wake::kStopped;
  }
}

}  // namespace fabro::workflow
