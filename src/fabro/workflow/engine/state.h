// Where a run stands, as its events say. The engine changes its state in one way only: it stores an
// event and then applies it here. So a resume, which applies the stored events again, stands where
// the dead worker stood, whatever moment it died at (workflow language, 9.2 and 15).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
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

// What the branches of one graph count together. Thread-safe.
class Counters {
 public:
  struct Visit {
    std::uint64_t ordinal = 1;  // "node@ordinal": unique in the run.
    std::uint64_t count = 1;    // Since the last loop_restart: what limits compare.
  };
  Visit Next(const std::string& node);
  std::uint64_t VisitsOf(const std::string& node) const;
  std::map<std::string, std::uint64_t> Visits() const;
  void Saw(const std::string& node, Visit visit);
  void SetVisits(const std::map<std::string, std::uint64_t>& visits);

  // One more failure with this signature; gives all counts.
  std::map<std::string, std::uint64_t> Count(const std::string& signature);
  std::map<std::string, std::uint64_t> Signatures() const;
  std::uint64_t SignatureCount(const std::string& signature) const;
  void SawSignatures(const std::map<std::string, std::uint64_t>& counts);
  void ForgetSignatures();
  void ForgetVisits();  // loop_restart.

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Visit> visits_;
  std::map<std::string, std::uint64_t> signatures_;
};

// A stage that ended, for preambles.
struct StageRecord {
  std::string node;
  std::string kind;  // Handler name.
  std::string status;
  std::string error;
  std::string output;  // Text or blob reference of `command.output`.
  std::string response;
  model::Json details;
  model::Json usage;
  std::vector<std::string> files;
};

// A walk through a graph: the run's own, a parallel branch's or a sub-workflow's.
struct Traversal {
  Phase phase = Phase::kAtNode;
  std::string node;       // Empty: nothing was started yet.
  std::string next_node;  // kRouted.

  // Of the stage in flight, or of the one that completed last.
  std::string stage_id;
  std::uint64_t index = 0;
  std::uint64_t visit = 0;
  std::uint32_t attempt = 1;
  std::int64_t began_ms = 0;  // Of the visit's first attempt.
  StageStatus status = StageStatus::kSucceeded;
  std::vector<std::string> suggested_next_ids;
  std::optional<StageFailure> failure;
  std::string question_id;              // That the stage in flight asked last.
  std::optional<model::Json> question;  // What it was.
  std::int64_t asked_ms = 0;            // When it was first asked.
  std::optional<model::Json> answer;    // What was answered to it.

  std::vector<std::string> completed_nodes;
  std::map<std::string, std::string> node_outcomes;  // Status word of the last completion.
  std::map<std::string, std::uint64_t> node_retries;
  std::map<std::string, model::Json> context;
  std::vector<StageRecord> records;
  std::shared_ptr<Counters> counters = std::make_shared<Counters>();
  std::map<std::string, std::uint64_t> restart_failure_signatures;
  bool sandbox_lost = false;  // By the stage that completed last: nothing can run until a resume.
  std::string last_work_status;  // Of the last stage that was no start, exit or conditional.
  std::string entry_fidelity;    // Of the edge that led to `node`; empty: it says nothing.
  std::string entry_thread;
  std::string previous_node;   // The edge came from there.
  std::uint64_t restarts = 0;  // By loop_restart edges: sessions of threads begin anew.

  std::string opened;  // The stage whose inner walks began: "fork@1".
  // Walks inside of this one, by segment of their scope: "fork@1:0", "sub@1".
  std::map<std::string, std::unique_ptr<Traversal>> inner;
  std::string ended_status;   // Of a walk that ended: how; empty: it goes on.
  std::string branch_start;   // A branch's first node.
  std::size_t inherited = 0;  // So many of a branch's completed_nodes are its parent's.
  std::map<std::string, model::Json> began_context;  // What a walk inside of another began with.

  // A branch: where it stands now is where its parent stands, with a copy of its context.
  std::unique_ptr<Traversal> Branch(const std::string& first_node) const;
  // A sub-workflow: a copy of the context, counters of its own.
  std::unique_ptr<Traversal> Child() const;
  // Keys that the walk added or changed, without those of the engine.
  std::map<std::string, model::Json> ContextChanges() const;
};

struct RunState : Traversal {
  std::uint64_t stages = 0;     // Started so far; the `index` of the next one.
  std::uint64_t questions = 0;  // Highest number of a question.
  std::set<std::string> open_questions;
  std::set<std::string> closed_questions;
  std::string git_commit_sha;   // Of the newest checkpoint that has one.
  std::string checkpoint_sha;   // Of the last completed stage's own checkpoint; empty: it has none.
  bool checkpointed = true;     // The last completed stage has its checkpoint.
  bool last_was_start = false;  // It was the start node, whose checkpoint never has a commit.
  std::uint64_t checkpoints = 0;
  std::map<std::string, std::uint64_t> finished_attempts;  // By node, over all walks.

  // Life of the run.
  bool started = false;  // run.started is there.
  bool ended = false;    // run.completed or run.failed is there, and no resume after it.
  bool succeeded = false;
  bool cancel_requested = false;
  std::uint64_t resumes = 0;            // Ever.
  std::uint64_t fruitless_resumes = 0;  // In a row, without a new stage.completed.
  std::int64_t wall_budget_ms = 0;      // Raised by a resume; 0: as the run was made.
  std::int64_t token_budget = 0;
  double cost_budget = 0;
  std::int64_t active_ms = 0;       // Time in status running, of earlier spells.
  std::int64_t spell_began_ms = 0;  // Unix time; 0: not running.
  std::int64_t tokens_used = 0;
  double cost_used = 0;
  bool cost_unknown = false;   // A call had no price, and that was said.
  bool budget_warned = false;  // At 80 %.
  std::int64_t last_event_ms = 0;
  std::int64_t first_event_ms = 0;
  std::uint64_t last_seq = 0;

  // The walk of a scope ("", "fork@1:0", "fork@1:0>sub@2"); null: there is none.
  Traversal* Find(std::string_view scope);
};

// Takes one event into the state. Events that say nothing about it are ignored. An event of a walk
// inside of another has its place in the property `scope`.
void Apply(const model::Event& event, RunState& state);
// What events say of the run's life and not of its walks (life.cc).
void ApplyLife(const model::Event& event, RunState& state);
// Questions, parallel branches and sub-workflows (scopes.cc).
void ApplyScopes(const model::Event& event, Traversal& walk, RunState& state);
// What a stage left when it ended: its inner walks, merged where they are branches.
void CloseInner(const std::string& stage_id, Traversal& walk);

// The checkpoint of workflow language 15.1, and the state that it stands for. What belongs to the
// life of the run and not to the traversal is not in it.
model::Json ToCheckpoint(const RunState& state, const std::string& timestamp);
void FromCheckpoint(const model::Json& checkpoint, RunState& state);

// All events of the store, applied in order.
Result<RunState> Replay(store::EventStore& events);

// "2026-03-07T12:34:56.789Z" as Unix milliseconds; 0 for anything else.
std::int64_t UnixMillis(std::string_view rfc3339);

}  // namespace fabro::workflow
