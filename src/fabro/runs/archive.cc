#include <utility>

#include "fabro/base/clock.h"
#include "fabro/runs/create.h"
#include "fabro/runs/upkeep.h"
#include "fabro/store/run_lock.h"
#include "fabro/workflow/engine/event_log.h"
#include "fabro/workflow/engine/state.h"

namespace fabro::runs {
namespace {

Status Say(const RunRef& run, bool archived, const RunId& superseded_by) {
  const store::RunLock lock = TRY(store::RunLock::Acquire(run.dir));
  auto events = TRY(store::OpenRunDb(run.dir, false));
  workflow::RunState state = TRY(workflow::Replay(*events));
  if (archived && !state.ended) {
    return Failure(Code::kFailedPrecondition, "run " + run.id.value() + " has not ended",
                   "run_not_ended", "fabro cancel " + run.id.value());
  }
  const bool now = TRY(IsArchived(*events));
  if (now == archived) return {};
  model::Json properties = model::Json::MakeObject();
  properties.SetIfAny("superseded_by", superseded_by.value());
  workflow::EventLog log(*events, state, run.id, RealClock());
  return log.Emit(archived ? "run.archived" : "run.unarchived", std::move(properties));
}

Status SayAndList(const RunRef& run, bool archived, const RunId& superseded_by) {
  TRY(Say(run, archived, superseded_by));
  auto index = store::IndexDb::Open(run.storage);
  const RunSummary summary = TRY(Inspect(run));
  if (index.ok()) (void)(*index)->Put(RowOf(summary));  // List repairs what this misses.
  return {};
}

}  // namespace

Result<bool> IsArchived(store::EventStore& events) {
  const auto put_away = TRY(events.Last("run.archived"));
  const auto taken_out = TRY(events.Last("run.unarchived"));
  return put_away && (!taken_out || taken_out->seq < put_away->seq);
}

Status Archive(const RunRef& run, const RunId& superseded_by) {
  return SayAndList(run, true, superseded_by);
}

Status Unarchive(const RunRef& run) { return SayAndList(run, false, {}); }

}  // namespace fabro::runs
