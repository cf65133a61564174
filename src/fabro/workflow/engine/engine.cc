#include "fabro/workflow/engine/engine.h"

#include <utility>

#include "fabro/workflow/engine/watchdog.h"
#include "fabro/workflow/graph/attributes.h"

namespace fabro::workflow {
namespace {

using model::Json;

constexpr Nanos kDefaultStall = std::chrono::seconds(1800);
constexpr std::int64_t kDryRunVisits = 10;

RunEnd Failed(std::string message, std::string reason = "workflow_error") {
  return {.kind = RunEnd::Kind::kFailed,
          .partially = false,
          .reason = std::move(reason),
          .message = std::move(message)};
}

RunEnd Paused() {
  return {.kind = RunEnd::Kind::kPaused, .partially = false, .reason = "user", .message = {}};
}

// The engine runs these itself: they are walks of their own.
bool IsWalk(NodeKind kind) { return kind == NodeKind::kParallel || kind == NodeKind::kManagerLoop; }

}  // namespace

Engine::Engine(std::shared_ptr<const Plan> plan, EngineConfig config, EngineDeps deps,
               RunState& run, Traversal& walk, EventLog& log, Control& control, Inside inside)
    : plan_(std::move(plan)),
      graph_(plan_->graph),
      index_(plan_->index),
      config_(std::move(config)),
      deps_(std::move(deps)),
      run_(run),
      state_(walk),
      log_(log),
      control_(control),
      inside_(std::move(inside)) {
  Mirror();
}

Result<std::shared_ptr<const Engine::Plan>> Engine::MakePlan(const Graph& graph,
                                                             const ChildWorkflows* children,
                                                             const HandlerTable& handlers,
                                                             std::string goal) {
  std::vector<Condition> conditions;
  for (const Node& node : graph.nodes) {
    if (!IsWalk(node.kind) && !handlers.contains(node.kind)) {
      return Failure(Code::kUnimplemented,
                     "node " + node.id + ": kind " + std::string(KindName(node.kind)) +
                         " is not supported yet",
                     "not_supported_yet");
    }
  }
  for (const Edge& edge : graph.edges) {
    auto condition = ParseCondition(edge.attributes.Text("condition"));
    if (!condition) {
      return Failure(
          Code::kInvalidArgument,
          "condition of " + edge.from + " -> " + edge.to + ": " + condition.error().message,
          "condition_syntax", condition.error().hint);
    }
    conditions.push_back(*std::move(condition));
  }
  return std::make_shared<const Plan>(
      Plan{graph, GraphIndex(graph), std::move(conditions), children, std::move(goal)});
}

Result<std::unique_ptr<Engine>> Engine::Make(const Graph& graph, EngineConfig config,
                                             EngineDeps deps, RunState& state, EventLog& log,
                                             const ChildWorkflows* children) {
  auto plan = TRY(MakePlan(graph, children, deps.handlers, config.goal));
  Control& control = deps.control;
  return std::unique_ptr<Engine>(new Engine(std::move(plan), std::move(config), std::move(deps),
                                            state, state, log, control, {}));
}

// Anew at each start: what comes from the bundle is the same each time.
void Engine::Mirror() {
  for (const Attribute& attribute : graph_.attributes.items) {
    state_.context["graph." + attribute.key] = Json(attribute.text);
  }
  state_.context["graph.goal"] = Json(plan_->goal);
  state_.context["internal.run_id"] = Json(config_.run.value());
  state_.context["internal.work_dir"] = Json(config_.work_dir);
}

Result<RunEnd> Engine::Run() {
  late_ = !run_.checkpointed;
  degrade_ = run_.resumes > 0;
  auto stall = TRY(GetDuration(graph_.attributes, "stall_timeout"));
  if (config_.stall_timeout) stall = config_.stall_timeout;
  WatchdogConfig watch{.stall_timeout = stall.value_or(kDefaultStall),
                       .budget_left = config_.fail_on_budget ? WallLeft() : std::nullopt,
                       .last_activity = [this] { return log_.last_activity(); },
                       // The event is written by the engine's own thread, when it sees the cancel.
                       .on_stall = [this](Nanos) { control_.Cancel(CancelReason::kStall); },
                       .on_budget = [this] { control_.Cancel(CancelReason::kBudget); }};
  log_.Touch();
  const Watchdog watchdog(std::move(watch), deps_.clock);
  return Walk();
}

Result<RunEnd> Engine::Walk() {
  if (state_.node.empty()) {
    for (const Node& node : graph_.nodes) {
      if (node.kind == NodeKind::kStart) state_.node = node.id;
    }
  }
  for (;;) {
    std::optional<RunEnd> end = TRY(Step());
    if (end) return *std::move(end);
  }
}

Result<std::optional<RunEnd>> Engine::Step() {
  switch (state_.phase) {
    case Phase::kInFlight:
      return Interrupted();
    case Phase::kCompleted:
      return Route();
    case Phase::kRouted:
      TRY(WriteCheckpoint());
      return std::optional<RunEnd>();
    case Phase::kAtNode:
      return EnterNode();
    case Phase::kFinished:
      break;
  }
  if (IsMain() && !run_.checkpointed) TRY(WriteCheckpoint());
  return std::optional(RunEnd{.kind = RunEnd::Kind::kSucceeded,
                              .partially = state_.last_work_status == "partially_succeeded",
                              .reason = {},
                              .message = {}});
}

Result<std::optional<RunEnd>> Engine::EnterNode() {
  const bool cancel_known = log_.Look([](const RunState& run) { return run.cancel_requested; });
  if (control_.cancelled() != CancelReason::kNone || cancel_known) {
    return std::optional(CancelledEnd());
  }
  if (control_.pause_requested()) return std::optional(Paused());
  TRY(WarnOfBudget());
  if (auto end = BudgetEnd()) return end;
  const Node* node = index_.Find(state_.node);
  if (node == nullptr) {
    return std::optional(Failed("the graph has no node \"" + state_.node + "\""));
  }
  const bool branch_ends =
      inside_.is_branch && (node->id == inside_.join || node->kind == NodeKind::kExit);
  if (branch_ends) return std::optional(RunEnd{.kind = RunEnd::Kind::kSucceeded});
  if (node->kind == NodeKind::kExit) return ArriveAtExit(*node);
  auto limit = TRY(LimitReached(*node));
  if (limit) return limit;
  return StageOrEnd(*node, false);
}

Result<std::optional<RunEnd>> Engine::StageOrEnd(const Node& node, bool rerun) {
  const bool ended = TRY(RunStage(node, rerun));
  if (ended) return std::optional<RunEnd>();
  if (inner_end_) return std::exchange(inner_end_, std::nullopt);
  if (control_.cancelled() != CancelReason::kNone) return std::optional(CancelledEnd());
  if (auto end = BudgetEnd()) return end;
  return std::optional(Paused());
}

// A stage that was started by a worker that is gone.
Result<std::optional<RunEnd>> Engine::Interrupted() {
  const Node* node = index_.Find(state_.node);
  if (node == nullptr) {
    return std::optional(Failed("the graph has no node \"" + state_.node + "\""));
  }
  // Its own stages are the ones that were interrupted; it goes on inside.
  if (IsWalk(node->kind)) return StageOrEnd(*node, true);
  if (control_.pause_requested()) return std::optional(Paused());
  if (auto end = BudgetEnd()) return end;
  Json properties;
  if (IsMain()) {
    properties = TRY(RestoreWorkspace());
  } else {
    properties.Set("workspace", "kept");  // Branches share one tree.
  }
  properties.Set("visit", state_.visit).Set("attempt", Json(state_.attempt));
  TRY(log_.Store(StageEvent("stage.interrupted", *node, std::move(properties))));
  return ResumePolicy(*node);
}

// The node attribute `resume`.
Result<std::optional<RunEnd>> Engine::ResumePolicy(const Node& node) {
  const std::string_view policy = node.attributes.Text("resume", "rerun");
  bool rerun = policy != "fail";
  std::string why = "interrupted, and resume=fail";
  if (policy == "ask") {
    const std::optional<bool> answer = TRY(AskToRerun(node));
    if (!answer) return std::optional(Paused());
    rerun = *answer;
    why = "interrupted, and nobody wanted it run again";
  }
  if (rerun) return StageOrEnd(node, true);
  StageOutcome outcome = StageOutcome::Failed(why, FailureClass::kCanceled);
  outcome.details.Set("interrupted", true);
  TRY(Complete(node, outcome, 0));
  return std::optional<RunEnd>();
}

RunEnd Engine::CancelledEnd() const {
  switch (control_.cancelled()) {
    case CancelReason::kStall:
      return Failed("no event and no output for the stall timeout", "terminated");
    case CancelReason::kBudget:
      return Failed("the wall budget is spent", "budget_exhausted");
    case CancelReason::kTerminated:
      return Failed("the worker was told to end", "terminated");
    case CancelReason::kNone:
      if (!log_.Look([](const RunState& run) { return run.cancel_requested; })) {
        return Failed(state_.failure ? state_.failure->message : "interrupted", "terminated");
      }
      break;
    case CancelReason::kUser:
    case CancelReason::kJoined:
      break;
  }
  return {.kind = RunEnd::Kind::kCancelled,
          .partially = false,
          .reason = "cancelled",
          .message = "cancelled by the user"};
}

Result<std::optional<RunEnd>> Engine::LimitReached(const Node& node) const {
  const auto own = TRY(GetInt(node.attributes, "max_visits"));
  const auto graph = TRY(GetInt(graph_.attributes, "max_node_visits"));
  std::int64_t limit = own.value_or(graph.value_or(0));
  std::string source = own ? "max_visits of the node" : "max_node_visits of the graph";
  if (limit <= 0 && config_.dry_run) {
    limit = kDryRunVisits;
    source = "default of dry runs";
  }
  const std::uint64_t visits = state_.counters->VisitsOf(node.id);
  if (limit <= 0 || visits < static_cast<std::uint64_t>(limit)) return std::optional<RunEnd>();
  return std::optional(Failed("node " + node.id + " was visited " + std::to_string(visits) +
                              " times; the limit is " + std::to_string(limit) + " (" + source +
                              ")"));
}

}  // namespace fabro::workflow
