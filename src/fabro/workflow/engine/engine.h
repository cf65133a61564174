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
#include "fabro/workflow/engine/retry.h"
#include "fabro/workflow/engine/routing.h"
#include "fabro/workflow/engine/state.h"

namespace fabro::workflow {

struct EngineConfig {
  RunId run{};
  std::string goal{};
  std::string work_dir{};
  std::string base_sha{};  // Of the checkpointer's base; empty: none.
  bool dry_run = false;
  std::optional<Nanos> stall_timeout{};  // Beats the graph's; the default is 30 minutes.
  std::optional<Nanos> wall_budget{};
  bool fail_on_budget = false;
  bool workspace_is_users = false;  // Never discarded on a resume.
  // Between a stage's completion and its checkpoint: what is to be taken from the workspace as the
  // stage left it. An Error ends the spell.
  std::function<Status()> before_checkpoint{};
};

// Where the output of stages goes. Append is called from provider threads.
class StageOutput {
 public:
  virtual ~StageOutput() = default;
  // Before an attempt; what it adds to `stage.started` (where the output will be found).
  virtual Result<model::Json> Begin(std::uint64_t index, const std::string& stage_id) = 0;
  virtual Status Append(provider::Stream stream, std::string_view bytes) = 0;
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
};

// How a spell of the engine ended. Terminal events are the worker's, after it saved the result.
struct RunEnd {
  enum class Kind { kSucceeded, kFailed, kCancelled, kPaused };
  Kind kind = Kind::kFailed;
  bool partially = false;  // kSucceeded: the last work stage succeeded partially.
  std::string
      reason;  // kFailed, kCancelled: a failure reason of run spec 4.1; kPaused: user, budget.
  std::string message;
};

class Engine {
 public:
  // The graph must be validated; it and the deps outlive the engine. kInvalidArgument for a
  // condition that does not parse or a node kind without handler ("not_supported_yet").
  static Result<std::unique_ptr<Engine>> Make(const Graph& graph, EngineConfig config,
                                              EngineDeps deps, RunState& state, EventLog& log);

  // An Error is our own failure (the store cannot be written): the run stays resumable.
  Result<RunEnd> Run();

 private:
  Engine(const Graph& graph, EngineConfig config, EngineDeps deps, RunState& state, EventLog& log);

  Result<std::optional<RunEnd>> Step();
  Result<std::optional<RunEnd>> EnterNode();
  Result<std::optional<RunEnd>> Interrupted();
  Result<std::optional<RunEnd>> Route();
  Result<std::optional<RunEnd>> ArriveAtExit(const Node& exit);
  Status WriteCheckpoint();
  std::string CommitWorkspace();
  Result<model::Json> RestoreWorkspace();

  Status RunStage(const Node& node, bool rerun);
  Result<StageOutcome> RunAttempts(const Node& node, bool rerun);
  Status StartAttempt(const Node& node, std::uint32_t max_attempts, bool rerun);
  StageOutcome CallHandler(const Node& node);
  Result<bool> WaitForRetry(const Node& node, const RetryPolicy& policy,
                            const StageOutcome& outcome);
  Status Complete(const Node& node, const StageOutcome& outcome, std::int64_t duration_ms);
  Result<model::Json> Offload(const StageOutcome& outcome) const;
  StageOutcome CancelledOutcome() const;

  RunEnd CancelledEnd() const;
  Result<std::optional<RunEnd>> LimitReached(const Node& node) const;
  std::optional<RunEnd> BudgetEnd() const;
  std::optional<Nanos> BudgetLeft() const;
  Status SelectEdgeEvent(const Node& from, const std::string& to, std::string_view reason,
                         const Edge* edge);
  std::optional<Operand> Look(std::string_view key) const;
  model::Event StageEvent(std::string name, const Node& node, model::Json properties);
  std::string StageId(const Node& node) const;

  const Graph& graph_;
  GraphIndex index_;
  EngineConfig config_;
  EngineDeps deps_;
  RunState& state_;
  EventLog& log_;
  std::vector<Condition> conditions_;  // By edge.
  std::uint64_t execs_ = 0;
  bool late_ = false;  // The stage to be checkpointed completed before this engine began.
};

}  // namespace fabro::workflow
