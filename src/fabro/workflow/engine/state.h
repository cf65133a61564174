// Where a run stands, as its events say. The engine changes its state in one way only: it stores an
// event and then applies it here. So a resume, which applies the stored events again, stands where
// the dead worker stood, whatever moment it died at (workflow language, 9.2 and 15).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/model/event.h"
#include "fabro/store/event_store.h"
#include "fabro/workflow/engine/outcome.h"

namespace fabro::workflow {

enum class Phase {
  kAtNode,     // `node` is where the run goes next.
  kInFlight,   // `node` was started and has not completed.
  kCompleted,  // `node` completed: the edge is not chosen yet.
  kRouted,     // The edge is chosen (`next_node`), the checkpoint is missing.
  kFinished,   // The exit completed.
};

struct RunState {
  Phase phase = Phase::kAtNode;
  std::string node;       // Empty: nothing was started yet.
  std::string next_node;  // kRouted.

  // Of the stage in flight, or of the one that completed last.
  std::uint32_t attempt = 1;
  StageStatus status = StageStatus::kSucceeded;
  std::vector<std::string> suggested_next_ids;
  std::optional<StageFailure> failure;

  std::uint64_t stages = 0;  // Started so far; the `index` of the next one.
  std::vector<std::string> completed_nodes;
  std::map<std::string, std::string> node_outcomes;  // Status word of the last completion.
  std::map<std::string, std::uint64_t> node_visits;
  std::map<std::string, std::uint64_t> node_retries;
  std::map<std::string, model::Json> context;
  std::string git_commit_sha;   // Of the newest checkpoint that has one.
  std::string checkpoint_sha;   // Of the last completed stage's own checkpoint; empty: it has none.
  bool checkpointed = true;     // The last completed stage has its checkpoint.
  bool last_was_start = false;  // It was the start node, whose checkpoint never has a commit.
  bool sandbox_lost = false;    // By the stage that completed last: nothing can run until a resume.
  std::map<std::string, std::uint64_t> loop_failure_signatures;
  std::uint64_t checkpoints = 0;
  std::string last_work_status;  // Of the last stage that was no start, exit or conditional.

  // Life of the run.
  bool started = false;  // run.started is there.
  bool ended = false;    // run.completed or run.failed is there, and no resume after it.
  bool succeeded = false;
  bool cancel_requested = false;
  std::uint64_t resumes = 0;            // Ever.
  std::uint64_t fruitless_resumes = 0;  // In a row, without a new stage.completed.
  std::int64_t wall_budget_ms = 0;      // Raised by a resume; 0: as the run was made.
  std::int64_t active_ms = 0;           // Time in status running, of earlier spells.
  std::int64_t spell_began_ms = 0;      // Unix time; 0: not running.
  std::int64_t last_event_ms = 0;
  std::int64_t first_event_ms = 0;
  std::uint64_t last_seq = 0;
};

// Takes one event into the state. Events that say nothing about it are ignored.
void Apply(const model::Event& event, RunState& state);

// The checkpoint of workflow language 15.1, and the state that it stands for. What belongs to the
// life of the run and not to the traversal is not in it.
model::Json ToCheckpoint(const RunState& state, const std::string& timestamp);
void FromCheckpoint(const model::Json& checkpoint, RunState& state);

// All events of the store, applied in order.
Result<RunState> Replay(store::EventStore& events);

// "2026-03-07T12:34:56.789Z" as Unix milliseconds; 0 for anything else.
std::int64_t UnixMillis(std::string_view rfc3339);

}  // namespace fabro::workflow
