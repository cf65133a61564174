#include "fabro/workflow/engine/event_log.h"

#include <algorithm>

namespace fabro::workflow {

model::Event EventLog::Make(std::string name, model::Json properties) {
  const auto now = clock_.WallNow();
  model::Event event;
  event.id =
      MakeUuidV7(std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()),
                 RandomBytes(10));
  event.ts = Rfc3339(now);
  event.run_id = run_;
  event.name = std::move(name);
  event.properties = std::move(properties);
  return event;
}

Status EventLog::StoreLocked(std::vector<model::Event> events) {
  TRY_IN("storing " + events.front().name, store_.Append(events));
  Touch();
  for (const model::Event& event : events) {
    Apply(event, state_);
    if (listener_) listener_(event);
  }
  return {};
}

Status EventLog::Store(std::vector<model::Event> events) {
  const std::lock_guard lock(mutex_);
  return StoreLocked(std::move(events));
}

Status EventLog::StoreFrom(const std::function<std::vector<model::Event>(const RunState&)>& make) {
  const std::lock_guard lock(mutex_);
  std::vector<model::Event> events = make(state_);
  return events.empty() ? Status() : StoreLocked(std::move(events));
}

std::uint64_t EventLog::NextIndex() {
  const std::lock_guard lock(mutex_);
  promised_ = std::max(promised_, state_.stages);
  return promised_++;
}

Status EventLog::Store(model::Event event) {
  std::vector<model::Event> events;
  events.push_back(std::move(event));
  return Store(std::move(events));
}

Status EventLog::Notice(std::string_view level, std::string_view code, std::string_view message) {
  model::Json properties;
  properties.Set("level", level).Set("code", code).Set("message", message);
  return Emit("run.notice", std::move(properties));
}

}  // namespace fabro::workflow
