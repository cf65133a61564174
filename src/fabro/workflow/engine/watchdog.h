// Watches a run from a thread of its own: no event and no output for `stall_timeout` cancels it
// (workflow language, 14), and so does a spent wall budget with on_limit = "fail".
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "fabro/base/clock.h"
#include "fabro/base/duration.h"

namespace fabro::workflow {

struct WatchdogConfig {
  std::optional<Nanos> stall_timeout{};  // Unset: no stall check.
  std::optional<Nanos> budget_left{};    // Unset: no limit to watch.
  std::function<std::chrono::steady_clock::time_point()> last_activity{};
  std::function<void(Nanos idle)> on_stall{};  // Called once, from the thread.
  std::function<void()> on_budget{};           // The same.
};

// What is due at `now`; pure, so that it is tested without waiting.
struct WatchdogVerdict {
  bool stalled = false;
  bool budget_spent = false;
  Nanos idle{};
  std::optional<Nanos> look_again{};  // After this span; none: never.
};
WatchdogVerdict Judge(const WatchdogConfig& config, std::chrono::steady_clock::time_point began,
                      std::chrono::steady_clock::time_point now);

class Watchdog {
 public:
  Watchdog(WatchdogConfig config, Clock& clock);
  ~Watchdog();  // Stops and joins.
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void Watch();

  WatchdogConfig config_;
  Clock& clock_;
  std::chrono::steady_clock::time_point began_;
  std::mutex mutex_;
  std::condition_variable stop_changed_;
  bool stop_ = false;
  std::thread thread_;  // Last: it uses the others.
};

}  // namespace fabro::workflow
