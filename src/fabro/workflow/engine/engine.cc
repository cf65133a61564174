#include "fabro/workflow/engine/engine.h"

#include <utility>

#include "fabro/workflow/engine/watchdog.h"
#include "fabro/workflow/graph/attributes.h"

namespace fabro::workflow {
namespace {

using model::Json;

constexpr Nanos kDefaultStall = std::chrono::seconds(1800);
constexpr std::int64_t kDryRunVisits = 10;
constexpr std::int64_t kDefaultSignatureLimit = 3;

RunEnd Failed(std::string message, std::string reason = "workflow_error") {
  return {.kind = RunEnd::Kind::kFailed,
          .partially = false,
          .reason = std::move(reason),
          .message = std::move(message)};
}

bool IsBranchless(NodeKind kind) { return kind == NodeKind::kStart || kind == NodeKind::kExit; }

}  // namespace

Engine::Engine(const Graph& graph, EngineConfig config, EngineDeps deps, RunState& state,
               EventLog& log)
    : graph_(graph),
      index_(graph),
      config_(std::move(config)),
      deps_(deps),
      state_(state),
      log_(log) {}

Result<std::unique_ptr<Engine>> Engine::Make(const Graph& graph, EngineConfig config,
                                             EngineDeps deps, RunState& state, EventLog& log) {
  std::unique_ptr<Engine> engine(new Engine(graph, std::move(config), deps, state, log));
  for (const Node& node : graph.nodes) {
    if (!deps.handlers.contains(node.kind)) {
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
    engine->conditions_.push_back(*std::move(condition));
  }
  // Mirrored anew at each start: they come from the bundle and are the same each time.
  for (const Attribute& attribute : graph.attributes.items) {
    state.context["graph." + attribute.key] = Json(attribute.text);
  }
  state.context["graph.goal"] = Json(engine->config_.goal);
  state.context["internal.run_id"] = Json(engine->config_.run.value());
  state.context["internal.work_dir"] = Json(engine->config_.work_dir);
  return engine;
}

Result<RunEnd> Engine::Run() {
  if (state_.node.empty()) {
    for (const Node& node : graph_.nodes) {
      if (node.kind == NodeKind::kStart) state_.node = node.id;
    }
  }
  late_ = !state_.checkpointed;
  auto stall = TRY(GetDuration(graph_.attributes, "stall_timeout"));
  if (config_.stall_timeout) stall = config_.stall_timeout;
  WatchdogConfig watch{
      .stall_timeout = stall.value_or(kDefaultStall),
      .budget_left = config_.fail_on_budget ? BudgetLeft() : std::nullopt,
      .last_activity = [this] { return log_.last_activity(); },
      // The event is written by the engine's own thread, when it sees the cancel: one writer.
      .on_stall = [this](Nanos) { deps_.control.Cancel(CancelReason::kStall); },
      .on_budget = [this] { deps_.control.Cancel(CancelReason::kBudget); }};
  log_.Touch();
  const Watchdog watchdog(std::move(watch), deps_.clock);
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
  if (!state_.checkpointed) TRY(WriteCheckpoint());
  return std::optional(RunEnd{.kind = RunEnd::Kind::kSucceeded,
                              .partially = state_.last_work_status == "partially_succeeded",
                              .reason = {},
                              .message = {}});
}

Result<std::optional<RunEnd>> Engine::EnterNode() {
  if (deps_.control.cancelled() != CancelReason::kNone || state_.cancel_requested) {
    return std::optional(CancelledEnd());
  }
  if (deps_.control.pause_requested()) {
    return std::optional(
        RunEnd{.kind = RunEnd::Kind::kPaused, .partially = false, .reason = "user", .message = {}});
  }
  if (auto end = BudgetEnd()) return end;
  const Node* node = index_.Find(state_.node);
  if (node == nullptr) {
    return std::optional(Failed("the graph has no node \"" + state_.node + "\""));
  }
  if (node->kind == NodeKind::kExit) return ArriveAtExit(*node);
  auto limit = TRY(LimitReached(*node));
  if (limit) return limit;
  TRY(RunStage(*node, false));
  return std::optional<RunEnd>();
}

// A stage that was started by a worker that is gone.
Result<std::optional<RunEnd>> Engine::Interrupted() {
  const Node* node = index_.Find(state_.node);
  if (node == nullptr)
    return std::optional(Failed("the graph has no node \"" + state_.node + "\""));
  Json properties = TRY(RestoreWorkspace());
  properties.Set("visit", state_.node_visits[node->id]).Set("attempt", Json(state_.attempt));
  TRY(log_.Store(StageEvent("stage.interrupted", *node, std::move(properties))));
  const std::string_view policy = node->attributes.Text("resume", "rerun");
  if (policy == "fail" || policy == "ask") {
    // "ask" needs a question; until there are any, not running it again is the safe answer.
    StageOutcome outcome = StageOutcome::Failed(
        policy == "ask" ? "interrupted; resume=ask is not supported yet and counts as fail"
                        : "interrupted, and resume=fail",
        FailureClass::kCanceled);
    outcome.details.Set("interrupted", true);
    TRY(Complete(*node, outcome, 0));
    return std::optional<RunEnd>();
  }
  TRY(RunStage(*node, true));
  return std::optional<RunEnd>();
}

Result<std::optional<RunEnd>> Engine::Route() {
  const std::size_t at = index_.IndexOf(state_.node);
  if (at == GraphIndex::kNone) {
    return std::optional(Failed("the graph has no node \"" + state_.node + "\""));
  }
  const Node& node = graph_.nodes[at];
  if (state_.failure && state_.failure->failure_class == FailureClass::kCanceled) {
    return std::optional(CancelledEnd());
  }
  // Whatever the graph says of failures: going on without a sandbox would be a success of nothing.
  if (state_.sandbox_lost) {
    const std::string why = state_.failure ? ": " + state_.failure->message : std::string();
    return std::optional(Failed("the sandbox was lost in stage " + node.id + why, "sandbox_lost"));
  }
  if (state_.failure && state_.failure->failure_class == FailureClass::kBudgetExhausted) {
    return std::optional(Failed(state_.failure->message, "budget_exhausted"));
  }
  const auto limit = TRY(GetInt(graph_.attributes, "loop_restart_signature_limit"));
  const std::int64_t most = limit.value_or(kDefaultSignatureLimit);
  if (state_.failure && most > 0) {
    const std::string signature = FailureSignature(node.id, *state_.failure);
    const auto found = state_.loop_failure_signatures.find(signature);
    if (found != state_.loop_failure_signatures.end() &&
        found->second >= static_cast<std::uint64_t>(most)) {
      return std::optional(Failed("the same failure happened " + std::to_string(found->second) +
                                  " times (limit " + std::to_string(most) + "): " + signature));
    }
  }
  RoutingInput input{.status = state_.status};
  if (node.kind == NodeKind::kConditional) {
    const auto outcome = Look("outcome");
    input.status = ParseStageStatus(outcome ? outcome->text : "").value_or(state_.status);
  } else {
    input.suggested_next_ids = state_.suggested_next_ids;
  }
  if (const auto label = Look("preferred_label")) input.preferred_label = label->text;
  input.holds = [this](std::size_t edge) {
    return Evaluate(conditions_[edge], [this](std::string_view key) { return Look(key); });
  };
  input.draw = RandomDraw(config_.run.value(), node.id, state_.node_visits[node.id]);
  if (const auto choice = SelectEdge(index_, at, input)) {
    const Edge& edge = graph_.edges[choice->edge];
    TRY(SelectEdgeEvent(node, edge.to, choice->reason, &edge));
    return std::optional<RunEnd>();
  }
  if (input.status != StageStatus::kFailed) {
    return std::optional(Failed("no outgoing edge matched at node " + node.id));
  }
  if (const Node* target = RetryTarget(index_, node)) {
    TRY(SelectEdgeEvent(node, target->id, "jump", nullptr));
    return std::optional<RunEnd>();
  }
  const bool transient =
      state_.failure && state_.failure->failure_class == FailureClass::kTransientInfra;
  return std::optional(Failed("stage " + node.id + " failed" +
                                  (state_.failure ? ": " + state_.failure->message : std::string()),
                              transient ? "transient_infra" : "workflow_error"));
}

Result<std::optional<RunEnd>> Engine::ArriveAtExit(const Node& exit) {
  // In order of first completion; a gate passes by its last outcome.
  for (const std::string& id : state_.completed_nodes) {
    const Node* gate = index_.Find(id);
    if (gate == nullptr) continue;
    const auto is_gate = TRY(GetBool(gate->attributes, "goal_gate"));
    if (!is_gate.value_or(false)) continue;
    const std::string& status = state_.node_outcomes[id];
    if (status == "succeeded" || status == "partially_succeeded") continue;
    const Node* target = RetryTarget(index_, *gate);
    if (target == nullptr) {
      return std::optional(Failed("goal gate " + id + " is " + status +
                                  " and neither it nor the graph names a retry_target"));
    }
    TRY(SelectEdgeEvent(exit, target->id, "jump", nullptr));
    return std::optional<RunEnd>();
  }
  TRY(RunStage(exit, false));
  return std::optional<RunEnd>();
}

Status Engine::SelectEdgeEvent(const Node& from, const std::string& to, std::string_view reason,
                               const Edge* edge) {
  Json properties;
  properties.Set("from_node", from.id).Set("to_node", to);
  if (edge != nullptr) {
    properties.SetIfAny("label", edge->attributes.Text("label"));
    properties.SetIfAny("condition", edge->attributes.Text("condition"));
  }
  properties.Set("reason", reason);
  if (const auto label = Look("preferred_label")) {
    properties.SetIfAny("preferred_label", label->text);
  }
  properties.Set("suggested_next_ids", Json::Strings(state_.suggested_next_ids));
  const auto status = Look("outcome");
  properties.Set("stage_status", status ? Json(status->text) : Json());
  properties.Set("is_jump", edge == nullptr);
  model::Event event = log_.Make("edge.selected", std::move(properties));
  event.node_id = from.id;
  return log_.Store(std::move(event));
}

// Empty when there is no commit; why not is a notice.
std::string Engine::CommitWorkspace() {
  const Node* node = index_.Find(state_.node);
  if (deps_.checkpointer == nullptr || node == nullptr || IsBranchless(node->kind)) return {};
  const CheckpointRequest request{.node_id = node->id,
                                  .status = std::string(ToString(state_.status)),
                                  .visit = state_.node_visits[node->id],
                                  .completed = state_.completed_nodes.size(),
                                  .late = late_};
  auto commit = deps_.checkpointer->Commit(request);
  if (commit.ok()) {
    for (const std::string& note : commit->notes) (void)log_.Notice("info", "checkpoint", note);
    if (late_) {
      (void)log_.Notice("info", "checkpoint_late",
                        "commit of " + node->id +
                            " was made by the resume: what changed in the "
                            "workspace since the stage ended is in it too");
    }
    return commit->sha;
  }
  Json properties;
  properties.Set("error", commit.error().ToString());
  // Best effort: a store that fails is met by the next event, which is not.
  (void)log_.Emit("checkpoint.failed", std::move(properties));
  (void)log_.Notice("warn", "checkpoint_failed", commit.error().ToString());
  return {};
}

Status Engine::WriteCheckpoint() {
  if (config_.before_checkpoint) TRY(config_.before_checkpoint());
  const std::string sha = CommitWorkspace();
  Json properties;
  properties.Set("status", ToString(state_.status)).SetIfAny("git_commit_sha", sha);
  Json checkpoint = ToCheckpoint(state_, Rfc3339(deps_.clock.WallNow()));
  if (!sha.empty()) checkpoint.Set("git_commit_sha", sha);
  properties.Set("checkpoint", std::move(checkpoint));
  model::Event event = log_.Make("checkpoint.completed", std::move(properties));
  event.node_id = state_.node;
  TRY(log_.Store(std::move(event)));
  late_ = false;
  return {};
}

// Discards the partial work of the interrupted stage where that is allowed and possible (15.3).
Result<Json> Engine::RestoreWorkspace() {
  Json properties;
  const std::string target = state_.last_was_start || state_.completed_nodes.empty()
                                 ? config_.base_sha
                                 : state_.checkpoint_sha;
  if (config_.workspace_is_users || deps_.checkpointer == nullptr ||
      !deps_.checkpointer->CanRestore() || target.empty()) {
    properties.Set("workspace", "kept");
    return properties;
  }
  const Status restored = deps_.checkpointer->Restore(target);
  if (!restored.ok()) {
    TRY(log_.Notice("warn", "restore_failed", restored.error().ToString()));
    properties.Set("workspace", "kept");
    return properties;
  }
  properties.Set("workspace", "restored").Set("restored_to", target);
  return properties;
}

RunEnd Engine::CancelledEnd() const {
  switch (deps_.control.cancelled()) {
    case CancelReason::kStall:
      return Failed("no event and no output for the stall timeout", "terminated");
    case CancelReason::kBudget:
      return Failed("the wall budget is spent", "budget_exhausted");
    case CancelReason::kTerminated:
      return Failed("the worker was told to end", "terminated");
    case CancelReason::kNone:
      if (!state_.cancel_requested) {
        return Failed(state_.failure ? state_.failure->message : "interrupted", "terminated");
      }
      break;
    case CancelReason::kUser:
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
  const auto found = state_.node_visits.find(node.id);
  const std::uint64_t visits = found == state_.node_visits.end() ? 0 : found->second;
  if (limit <= 0 || visits < static_cast<std::uint64_t>(limit)) return std::optional<RunEnd>();
  return std::optional(Failed("node " + node.id + " was visited " + std::to_string(visits) +
                              " times; the limit is " + std::to_string(limit) + " (" + source +
                              ")"));
}

std::optional<Nanos> Engine::BudgetLeft() const {
  if (!config_.wall_budget) return std::nullopt;
  std::int64_t used = state_.active_ms;
  if (state_.spell_began_ms != 0) {
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
        deps_.clock.WallNow().time_since_epoch());
    used += std::max<std::int64_t>(now.count() - state_.spell_began_ms, 0);
  }
  return *config_.wall_budget - std::chrono::milliseconds(used);
}

std::optional<RunEnd> Engine::BudgetEnd() const {
  const auto left = BudgetLeft();
  if (!left || left->count() > 0) return std::nullopt;
  if (config_.fail_on_budget) return Failed("the wall budget is spent", "budget_exhausted");
  return RunEnd{
      .kind = RunEnd::Kind::kPaused,
      .partially = false,
      .reason = "budget",
      .message = "the wall budget of " + fabro::ToString(*config_.wall_budget) + " is spent"};
}

// Text of a context key; blob references are read, so that conditions see what was said.
std::optional<Operand> Engine::Look(std::string_view key) const {
  const auto found = state_.context.find(std::string(key));
  if (found == state_.context.end()) return std::nullopt;
  const Json& value = found->second;
  Operand operand{.text = value.ToText(), .elements = std::nullopt};
  if (value.String() != nullptr && store::IsBlobReference(*value.String())) {
    // A blob that is gone reads as empty: the condition is false, and the run goes on by its rules.
    auto bytes = deps_.blobs.Get(*value.String());
    operand.text = bytes.ok() ? *std::move(bytes) : std::string();
  }
  if (const Json::Array* items = value.Items()) {
    operand.elements.emplace();
    for (const Json& item : *items) operand.elements->push_back(item.ToText());
  }
  return operand;
}

}  // namespace fabro::workflow
