// The engine's pen: gives events their id and time, stores them, applies them to the state, and
// tells the watchdog that something happens. Used by the engine's thread; Touch by any.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
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

  // `listener` sees each event after it is stored and applied: projections are written behind.
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
  Status Emit(std::string name, model::Json properties = model::Json::MakeObject()) {
    return Store(Make(std::move(name), std::move(properties)));
  }
  Status Notice(std::string_view level, std::string_view code, std::string_view message);

  // Something happened that is no event: output of a command.
  void Touch() { last_activity_.store(clock_.SteadyNow().time_since_epoch().count()); }
  std::chrono::steady_clock::time_point last_activity() const {
    return std::chrono::steady_clock::time_point(
        std::chrono::steady_clock::duration(last_activity_.load()));
  }

 private:
  store::EventStore& store_;
  RunState& state_;
  RunId run_;
  Clock& clock_;
  Listener listener_;
  std::atomic<std::chrono::steady_clock::rep> last_activity_;
};

}  // namespace fabro::workflow
