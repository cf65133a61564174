// The engine's pen: gives events their id and time, stores them, applies them to the state, and
// tells the watchdog that something happens. Thread-safe: branches of a parallel node write with
// one pen, and each reads of the state only its own walk.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "fabro/base/clock.h"
#include "fabro/base/result.h"
#include "fabro/store/event_store.h"
#include "fabro/workflow/engine/state.h"

namespace fabro::workflow {

class EventLog {
 public:
  using Listener = std::function<void(const model::Event&)>;

  // `listener` sees each event after it is stored and applied: projections are written behind. It
  // runs under the pen's lock.
  EventLog(store::EventStore& store, RunState& state, RunId run, Clock& clock,
           Listener listener = {})
      : store_(store),
        state_(state),
        run_(std::move(run)),
        clock_(clock),
        listener_(std::move(listener)),
        last_activity_(clock.SteadyNow().time_since_epoch().count()) {}

  // An event of this run, dated now.
  model::Event Make(std::string name, model::Json properties = model::Json::MakeObject());

  // One transaction; afterwards the state has them.
  Status Store(std::vector<model::Event> events);
  Status Store(model::Event event);
  // The same with events that depend on the state: nothing is stored between the look and the
  // write. None: nothing is stored.
  Status StoreFrom(const std::function<std::vector<model::Event>(const RunState&)>& make);
  Status Emit(std::string name, model::Json properties = model::Json::MakeObject()) {
    return Store(Make(std::move(name), std::move(properties)));
  }
  Status Notice(std::string_view level, std::string_view code, std::string_view message);

  // The index of the next stage: one more than the highest there is or was promised.
  std::uint64_t NextIndex();

  // What the state says, read while nobody writes.
  template <typename Read>
  auto Look(const Read& read) const {
    const std::lock_guard lock(mutex_);
    return read(static_cast<const RunState&>(state_));
  }

  // Something happened that is no event: output of a command.
  void Touch() { last_activity_.store(clock_.SteadyNow().time_since_epoch().count()); }
  // While anybody waits for a person or a timer, nothing stalls.
  class Waiting {
   public:
    explicit Waiting(EventLog& log) : log_(log) { ++log_.waiting_; }
    ~Waiting() {
      log_.Touch();
      --log_.waiting_;
    }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

   private:
    EventLog& log_;
  };
  std::chrono::steady_clock::time_point last_activity() const {
    if (waiting_.load() > 0) return clock_.SteadyNow();
    return std::chrono::steady_clock::time_point(
        std::chrono::steady_clock::duration(last_activity_.load()));
  }

 private:
  Status StoreLocked(std::vector<model::Event> events);

  store::EventStore& store_;
  RunState& state_;
  RunId run_;
  Clock& clock_;
  Listener listener_;
  mutable std::mutex mutex_;
  std::uint64_t promised_ = 0;  // Guarded by mutex_.
  std::atomic<int> waiting_ = 0;
  std::atomic<std::chrono::steady_clock::rep> last_activity_;
};

}  // namespace fabro::workflow
