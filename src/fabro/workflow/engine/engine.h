// The loop that walks a run's graph (workflow language, 9.2): one node at a time, every event
// stored before anything acts on it, `stage.completed` the commit point. A resume is the same loop
// entered with the replayed state.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fabro/base/clock.h"
#include "fabro/base/result.h"
#include "fabro/provider/provider.h"
#include "fabro/store/blob_store.h"
#include "fabro/workflow/checkpoint/checkpointer.h"
#include "fabro/workflow/condition/condition.h"
#include "fabro/workflow/engine/control.h"
#include "fabro/workflow/engine/event_log.h"
#include "fabro/workflow/engine/handler.h"
#include "fabro/workflow/engine/interviews.h"
#include "fabro/workflow/engine/retry.h"
#include "fabro/workflow/engine/routing.h"
#include "fabro/workflow/engine/state.h"
#include "fabro/workflow/graph/children.h"

namespace fabro::workflow {

struct EngineConfig {
  RunId run{};
  std::string goal{};
  std::string work_dir{};
  std::string base_sha{};  // Of the checkpointer's base; empty: none.
  bool dry_run = false;
  bool auto_approve = false;             // Questions of gates are answered by their first option.
  std::optional<Nanos> stall_timeout{};  // Beats the graph's; the default is 30 minutes.
  std::optional<Nanos> wall_budget{};
  std::optional<std::int64_t> token_budget{};
  std::optional<double> cost_budget{};  // US dollars.
  bool fail_on_budget = false;
  bool workspace_is_users = false;  // Never discarded on a resume.
  // Between a stage's completion and its checkpoint: what is to be taken from the workspace as the
  // stage left it. An Error ends the spell.
  std::function<Status()> before_checkpoint{};
};

// Where the output of stages goes. Thread-safe: stages of parallel branches speak at once.
class StageOutput {
 public:
  virtual ~StageOutput() = default;
  // Before an attempt; what it adds to `stage.started` (where the output will be found).
  virtual Result<model::Json> Begin(std::uint64_t index, const std::string& stage_id) = 0;
  virtual Status Append(std::uint64_t index, provider::Stream stream, std::string_view bytes) = 0;
};

struct EngineDeps {
  const store::BlobStore& blobs;
  provider::Sandbox* sandbox;  // Null in dry runs.
  Checkpointer* checkpointer;  // Null: no git checkpoints.
  const HandlerTable& handlers;
  StageOutput& output;
  Control& control;
  Clock& clock;
  Sleeper& sleeper;
  Interviews* interviews = nullptr;  // Null: nobody can be asked, questions are interrupted.
  // After the event that records an answer: its inbox item is used up.
  std::function<void(const std::string& item)> answer_taken{};
};

// How a spell of the engine ended. Terminal events are the worker's, after it saved the result.
struct RunEnd {
  enum class Kind { kSucceeded, kFailed, kCancelled, kPaused };
  Kind kind = Kind::kFailed;
  bool partially = false;  // kSucceeded: the last work stage succeeded partially.
  // kFailed, kCancelled: a failure reason of run spec 4.1; kPaused: user, budget.
  std::string reason{};
  std::string message{};
  model::Json budget{};  // kPaused by a budget: {limit, used, max}.
};

class Engine {
 public:
  // The graphs must be validated; they and the deps outlive the engine. kInvalidArgument for a
  // condition that does not parse or a node kind without handler ("not_supported_yet").
  static Result<std::unique_ptr<Engine>> Make(const Graph& graph, EngineConfig config,
                                              EngineDeps deps, RunState& state, EventLog& log,
                                              const ChildWorkflows* children = nullptr);

  // An Error is our own failure (the store cannot be written): the run stays resumable.
  Result<RunEnd> Run();

 private:
  class Services;
  // What is fixed for all walks through one graph.
  struct Plan {
    const Graph& graph;
    GraphIndex index;
    std::vector<Condition> conditions;  // By edge.
    const ChildWorkflows* children;
    std::string goal;
  };
  // Where a walk inside of another ends, and what it may not do.
  struct Inside {
    std::string scope{};  // "" is the run's own walk.
    bool is_branch = false;
    std::string join{};  // A branch ends before this node.
  };

  Engine(std::shared_ptr<const Plan> plan, EngineConfig config, EngineDeps deps, RunState& run,
         Traversal& walk, EventLog& log, Control& control, Inside inside);
  static Result<std::shared_ptr<const Plan>> MakePlan(const Graph& graph,
                                                      const ChildWorkflows* children,
                                                      const HandlerTable& handlers,
                                                      std::string goal);
  void Mirror();

  // engine.cc: the loop.
  Result<RunEnd> Walk();
  Result<std::optional<RunEnd>> Step();
  Result<std::optional<RunEnd>> EnterNode();
  Result<std::optional<RunEnd>> Interrupted();
  Result<std::optional<RunEnd>> StageOrEnd(const Node& node, bool rerun);
  Result<std::optional<RunEnd>> ResumePolicy(const Node& node);
  // services.cc. None: the worker is to end.
  Result<std::optional<bool>> AskToRerun(const Node& node);
  RunEnd CancelledEnd() const;
  Result<std::optional<RunEnd>> LimitReached(const Node& node) const;
  bool IsMain() const { return inside_.scope.empty(); }

  // route.cc: where to go after a stage.
  Result<std::optional<RunEnd>> Route();
  Result<std::optional<RunEnd>> EndedByFailure(const Node& node) const;
  Result<std::optional<RunEnd>> NoEdge(const Node& node, StageStatus status);
  Result<std::optional<RunEnd>> ToJoin(const Node& node);
  Result<std::optional<RunEnd>> ArriveAtExit(const Node& exit);
  Result<std::optional<RunEnd>> Restart(const Node& from, const Edge& edge,
                                        std::vector<model::Event>& events) const;
  model::Event EdgeEvent(const Node& from, const std::string& to, std::string_view reason,
                         const Edge* edge);
  std::optional<Operand> Look(std::string_view key) const;

  // commit.cc: checkpoints.
  Status WriteCheckpoint();
  std::string CommitWorkspace();
  Result<model::Json> RestoreWorkspace();

  // stage.cc: one stage. False: it is suspended.
  Result<bool> RunStage(const Node& node, bool rerun);
  Result<StageOutcome> RunAttempts(const Node& node, bool rerun);
  Status StartAttempt(const Node& node, std::uint32_t max_attempts, bool rerun);
  Result<StageOutcome> CallHandler(const Node& node);
  Result<bool> WaitForRetry(const Node& node, const RetryPolicy& policy,
                            const StageOutcome& outcome);
  Status Complete(const Node& node, const StageOutcome& outcome, std::int64_t duration_ms);
  Result<model::Json> Offload(const StageOutcome& outcome) const;
  StageOutcome CancelledOutcome() const;
  std::string FidelityOf(const Node& node) const;
  std::string ThreadOf(const Node& node) const;

  // parallel.cc, child.cc: stages that are walks themselves.
  Result<StageOutcome> RunParallel(const Node& node);
  Result<StageOutcome> RunBranches(const Node& node, std::vector<std::string>& statuses);
  Result<RunEnd> RunBranch(const Node& node, std::size_t number, Control& control);
  Result<StageOutcome> RunChild(const Node& node);
  struct Polling {
    Nanos poll;
    std::int64_t cycles;
  };
  Result<RunEnd> WalkWatched(const Polling& polling, const std::function<bool()>& enough,
                             std::optional<StageOutcome>& stopped);

  // budget.cc
  std::optional<RunEnd> BudgetEnd() const;
  std::optional<Nanos> WallLeft() const;
  Status WarnOfBudget();

  model::Event StageEvent(std::string name, const Node& node, model::Json properties) const;
  model::Event ScopeEvent(std::string name, model::Json properties) const;

  std::shared_ptr<const Plan> plan_;
  const Graph& graph_;
  const GraphIndex& index_;
  EngineConfig config_;
  EngineDeps deps_;
  RunState& run_;  // All of it is the log's to change; read through log_.Look but by the main walk.
  Traversal& state_;  // This walk's.
  EventLog& log_;
  Control& control_;
  Inside inside_;
  bool late_ = false;     // The stage to be checkpointed completed before this engine began.
  bool degrade_ = false;  // The next `full` stage gets summary:high: a resume lost its session.
  // What an earlier worker asked for the stage that runs again, until it asks.
  struct AskedBefore {
    std::optional<model::Json> question, answer;
  };
  AskedBefore asked_before_;
  std::optional<RunEnd> inner_end_;  // Why the inner walks of a suspended stage stopped.
};

}  // namespace fabro::workflow
