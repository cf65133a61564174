// Making a run's directory, for runs.h and upkeep.h. Internal to the room.
#pragma once

#include <functional>
#include <string>

#include "fabro/base/result.h"
#include "fabro/runs/runs.h"
#include "fabro/store/event_store.h"
#include "fabro/store/index_db.h"

namespace fabro::runs {

// Called when id and directory are known: `Place` may change the spec before it is written, `Fill`
// adds to the directory (which has another name still) and to its store after `run.created`.
struct CreateHooks {
  std::function<void(RunSpec& spec, const std::string& final_dir)> place;
  std::function<Status(const RunSpec& spec, const std::string& dir, store::EventStore& events)>
      fill;
};
Result<RunRef> CreateWith(const std::string& storage, RunSpec spec, const CreateHooks& hooks);

// All runs of the storage directory, newest first, broken ones too.
Result<std::vector<RunRef>> AllRefs(const std::string& storage);
store::IndexRow RowOf(const RunSummary& summary);

// Whether the last word about it is run.archived.
Result<bool> IsArchived(store::EventStore& events);

}  // namespace fabro::runs
