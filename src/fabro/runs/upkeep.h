// What people do with runs that are there: put them away, take them along, begin again from a point
// of them, mend what is written beside the store. All take the run's lock where they write.
//
// Spec: run, sections 4 and 7; workflow language, 15.4.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/runs/runs.h"

namespace fabro::runs {

// --- Archive -------------------------------------------------------------------------------------

// Of a run that has ended; twice is success. kFailedPrecondition "run_not_ended", "run_locked".
Status Archive(const RunRef& run, const RunId& superseded_by = {});
Status Unarchive(const RunRef& run);

// --- Dump ----------------------------------------------------------------------------------------

// The run's directory as files for people and other programs: without runtime and store, with
// events.jsonl (blobs in place of their references) and run.log. `target` must be empty or absent:
// kAlreadyExists "target_not_empty". The run may be going on.
Status Dump(const RunRef& run, const std::string& target);

// --- Timeline, fork ------------------------------------------------------------------------------

// A point to begin again from: a checkpoint after which something was left to do.
struct TimelinePoint {
  std::uint64_t ordinal = 0;  // 1-based.
  std::string node;           // Completed just before.
  std::uint64_t visit = 1;
  std::string next;    // Where the run went.
  std::string commit;  // Of the workspace; empty: there is none.
  std::string ts;
  std::uint64_t seq = 0;
};
Result<std::vector<TimelinePoint>> Timeline(const RunRef& run);

// "node" (latest visit), "node@2", "@3" (ordinal), or empty (latest). kNotFound "target_not_found"
// lists what there is.
Result<TimelinePoint> FindPoint(const std::vector<TimelinePoint>& timeline,
                                std::string_view target);

struct Forked {
  RunRef run;
  std::string worktree;  // Of git, where it works; empty: the source has no commits.
};
// A new run, not started, with the source's history up to `point`. Its files are a worktree of the
// point's commit below its own directory; the source and the user's directory stay as they are.
Result<Forked> Fork(const RunRef& source, const TimelinePoint& point);

// Takes the worktree of a forked run away, before its directory is removed. Nothing to do for
// others.
Status RemoveWorktree(const RunRef& run);

// --- Repair --------------------------------------------------------------------------------------

struct Repaired {
  std::uint64_t runs = 0;
  std::vector<std::string> done;     // One line each.
  std::vector<std::string> skipped;  // "<run>: why", live and broken ones.
};
// Writes index and projections anew from the stores, and removes what a crash left of making and
// removing runs. Needs no run to be whole.
Result<Repaired> Repair(const std::string& storage);

}  // namespace fabro::runs
