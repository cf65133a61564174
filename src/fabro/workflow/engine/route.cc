// Where a walk goes after a stage (workflow language, 9.3 to 9.6, 12 and 13).
#include "fabro/workflow/engine/routing.h"

#include <utility>

#include "fabro/workflow/engine/engine.h"
#include "fabro/workflow/engine/join.h"
#include "fabro/workflow/graph/attributes.h"

namespace fabro::workflow {
namespace {

using model::Json;

constexpr std::int64_t kDefaultSignatureLimit = 3;

RunEnd Failed(std::string message, std::string reason = "workflow_error") {
  return {.kind = RunEnd::Kind::kFailed,
          .partially = false,
          .reason = std::move(reason),
          .message = std::move(message)};
}

Result<std::int64_t> SignatureLimit(const Graph& graph) {
  const auto limit = TRY(GetInt(graph.attributes, "loop_restart_signature_limit"));
  return limit.value_or(kDefaultSignatureLimit);
}

std::string TooOften(std::uint64_t count, std::int64_t limit, const std::string& signature) {
  return "the same failure happened " + std::to_string(count) + " times (limit " +
         std::to_string(limit) + "): " + signature;
}

}  // namespace

// What no edge may lead away from.
Result<std::optional<RunEnd>> Engine::EndedByFailure(const Node& node) const {
  if (state_.failure && state_.failure->failure_class == FailureClass::kCanceled) {
    return std::optional(CancelledEnd());
  }
  // Whatever the graph says of failures: going on without a sandbox would be a success of nothing.
  if (state_.sandbox_lost) {
    const std::string why = state_.failure ? ": " + state_.failure->message : std::string();
    return std::optional(Failed("the sandbox was lost in stage " + node.id + why, "sandbox_lost"));
  }
  // A model's own limits are routed like any failure; the run's are its end.
  if (state_.failure && state_.failure->failure_class == FailureClass::kBudgetExhausted) {
    const auto spent = BudgetEnd();
    const bool over = spent && spent->kind == RunEnd::Kind::kFailed;
    if (over || control_.cancelled() == CancelReason::kBudget) {
      return std::optional(Failed(state_.failure->message, "budget_exhausted"));
    }
  }
  const std::int64_t most = TRY(SignatureLimit(graph_));
  if (state_.failure && most > 0) {
    const std::string signature = FailureSignature(node.id, *state_.failure);
    const std::uint64_t count = state_.counters->SignatureCount(signature);
    if (!signature.empty() && count >= static_cast<std::uint64_t>(most)) {
      return std::optional(Failed(TooOften(count, most, signature)));
    }
  }
  return std::optional<RunEnd>();
}

Result<std::optional<RunEnd>> Engine::Route() {
  const std::size_t at = index_.IndexOf(state_.node);
  if (at == GraphIndex::kNone) {
    return std::optional(Failed("the graph has no node \"" + state_.node + "\""));
  }
  const Node& node = graph_.nodes[at];
  std::optional<RunEnd> end = TRY(EndedByFailure(node));
  if (end) return end;
  if (node.kind == NodeKind::kParallel) return ToJoin(node);
  RoutingInput input{.status = state_.status};
  if (node.kind == NodeKind::kConditional) {
    const auto outcome = Look("outcome");
    input.status = ParseStageStatus(outcome ? outcome->text : "").value_or(state_.status);
  } else {
    input.suggested_next_ids = state_.suggested_next_ids;
  }
  if (const auto label = Look("preferred_label")) input.preferred_label = label->text;
  input.holds = [this](std::size_t edge) {
    return Evaluate(plan_->conditions[edge], [this](std::string_view key) { return Look(key); });
  };
  input.draw = RandomDraw(config_.run.value(), node.id, state_.visit);
  const auto choice = SelectEdge(index_, at, input);
  if (!choice) return NoEdge(node, input.status);
  const Edge& edge = graph_.edges[choice->edge];
  std::vector<model::Event> events;
  events.push_back(EdgeEvent(node, edge.to, choice->reason, &edge));
  end = TRY(Restart(node, edge, events));
  if (end) return end;
  TRY(log_.Store(std::move(events)));
  return std::optional<RunEnd>();
}

// A loop_restart edge begins the walk anew at its target (13.4).
Result<std::optional<RunEnd>> Engine::Restart(const Node& from, const Edge& edge,
                                              std::vector<model::Event>& events) const {
  const auto restart = TRY(GetBool(edge.attributes, "loop_restart"));
  if (!restart.value_or(false)) return std::optional<RunEnd>();
  if (inside_.is_branch) {
    return std::optional(Failed("the edge " + edge.from + " -> " + edge.to +
                                " restarts the loop from inside of a parallel branch"));
  }
  auto signatures = state_.restart_failure_signatures;
  if (state_.failure) {
    if (state_.failure->failure_class != FailureClass::kTransientInfra) {
      return std::optional(Failed("stage " + from.id +
                                  " failed, and only what may pass by itself " +
                                  "restarts a loop: " + state_.failure->message));
    }
    const std::string signature = SignatureOf(from.id, *state_.failure);
    const std::uint64_t count = ++signatures[signature];
    const std::int64_t most = TRY(SignatureLimit(graph_));
    if (most > 0 && count >= static_cast<std::uint64_t>(most)) {
      return std::optional(Failed(TooOften(count, most, signature)));
    }
  }
  Json counts = Json::MakeObject();
  for (const auto& [signature, count] : signatures) counts.Set(signature, Json(count));
  Json properties;
  properties.Set("from_node", edge.from).Set("to_node", edge.to);
  properties.Set("restart_failure_signatures", std::move(counts));
  events.push_back(ScopeEvent("loop.restart", std::move(properties)));
  return std::optional<RunEnd>();
}

Result<std::optional<RunEnd>> Engine::NoEdge(const Node& node, StageStatus status) {
  if (status != StageStatus::kFailed) {
    if (inside_.is_branch) return std::optional(RunEnd{.kind = RunEnd::Kind::kSucceeded});
    return std::optional(Failed("no outgoing edge matched at node " + node.id));
  }
  const Node* target = RetryTarget(index_, node);
  if (target != nullptr && inside_.is_branch &&
      !IsInBranch(index_, state_.branch_start, inside_.join, target->id)) {
    return std::optional(
        Failed("the retry target " + target->id + " lies outside of the parallel branch"));
  }
  if (target != nullptr) {
    TRY(log_.Store(EdgeEvent(node, target->id, "jump", nullptr)));
    return std::optional<RunEnd>();
  }
  const bool transient =
      state_.failure && state_.failure->failure_class == FailureClass::kTransientInfra;
  return std::optional(Failed("stage " + node.id + " failed" +
                                  (state_.failure ? ": " + state_.failure->message : std::string()),
                              transient ? "transient_infra" : "workflow_error"));
}

// After a parallel node: its join, whatever came of the branches (9A).
Result<std::optional<RunEnd>> Engine::ToJoin(const Node& node) {
  const std::string join = JoinOf(index_, node.id);
  if (join.empty()) {
    const Node* target = RetryTarget(index_, node);
    if (target == nullptr) {
      return std::optional(Failed("the branches of " + node.id + " meet at no node"));
    }
    TRY(log_.Store(EdgeEvent(node, target->id, "jump", nullptr)));
    return std::optional<RunEnd>();
  }
  TRY(log_.Store(EdgeEvent(node, join, "jump", nullptr)));
  return std::optional<RunEnd>();
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
    TRY(log_.Store(EdgeEvent(exit, target->id, "jump", nullptr)));
    return std::optional<RunEnd>();
  }
  return StageOrEnd(exit, false);
}

model::Event Engine::EdgeEvent(const Node& from, const std::string& to, std::string_view reason,
                               const Edge* edge) {
  Json properties;
  properties.Set("from_node", from.id).Set("to_node", to);
  if (edge != nullptr) {
    properties.SetIfAny("label", edge->attributes.Text("label"));
    properties.SetIfAny("condition", edge->attributes.Text("condition"));
    properties.SetIfAny("fidelity", edge->attributes.Text("fidelity"));
    properties.SetIfAny("thread_id", edge->attributes.Text("thread_id"));
  }
  properties.Set("reason", reason);
  if (const auto label = Look("preferred_label")) {
    properties.SetIfAny("preferred_label", label->text);
  }
  properties.Set("suggested_next_ids", Json::Strings(state_.suggested_next_ids));
  const auto status = Look("outcome");
  properties.Set("stage_status", status ? Json(status->text) : Json());
  properties.Set("is_jump", edge == nullptr);
  model::Event event = ScopeEvent("edge.selected", std::move(properties));
  event.node_id = from.id;
  return event;
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
