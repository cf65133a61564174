#include "fabro/workflow/engine/watchdog.h"

#include <algorithm>
#include <utility>

namespace fabro::workflow {

WatchdogVerdict Judge(const WatchdogConfig& config, std::chrono::steady_clock::time_point began,
                      std::chrono::steady_clock::time_point now) {
  WatchdogVerdict verdict;
  const auto consider = [&](Nanos left) {
    verdict.look_again = verdict.look_again ? std::min(*verdict.look_again, left) : left;
  };
  if (config.stall_timeout && config.stall_timeout->count() > 0) {
    verdict.idle = now - config.last_activity();
    verdict.stalled = verdict.idle >= *config.stall_timeout;
    if (!verdict.stalled) consider(*config.stall_timeout - verdict.idle);
  }
  if (config.budget_left) {
    verdict.budget_spent = now - began >= *config.budget_left;
    if (!verdict.budget_spent) consider(*config.budget_left - (now - began));
  }
  return verdict;
}

Watchdog::Watchdog(WatchdogConfig config, Clock& clock)
    : config_(std::move(config)),
      clock_(clock),
      began_(clock.SteadyNow()),
      thread_([this] { Watch(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stop_changed_.notify_all();
  thread_.join();
}

void Watchdog::Watch() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    const WatchdogVerdict verdict = Judge(config_, began_, clock_.SteadyNow());
    if (verdict.stalled || verdict.budget_spent) {
      lock.unlock();
      if (verdict.stalled) {
        config_.on_stall(verdict.idle);
      } else {
        config_.on_budget();
      }
      return;
    }
    if (!verdict.look_again) return;
    stop_changed_.wait_for(lock, *verdict.look_again, [this] { return stop_; });
  }
}

}  // namespace fabro::workflow
