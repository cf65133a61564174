// One stage of the engine's loop: attempts, retries, outcome, commit point.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

#include "fabro/workflow/engine/engine.h"
#include "fabro/workflow/graph/attributes.h"

namespace fabro::workflow {
namespace {

using model::Json;

constexpr std::size_t kOffloadSize = 100'000;  // Bytes of compact JSON (7.1).

std::int64_t MillisSince(std::chrono::steady_clock::time_point began, Clock& clock) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock.SteadyNow() - began).count();
}

// Uniform in [0.5, 1.5]. Spread over runs is all that is wanted of it.
double Jitter() {
  const std::string bytes = RandomBytes(2);
  const unsigned value =
      (static_cast<unsigned char>(bytes[0]) << 8U) | static_cast<unsigned char>(bytes[1]);
  return 0.5 + static_cast<double>(value) / 65535.0;
}

void AddFailure(const Node& node, const StageOutcome& outcome, Json& properties) {
  if (!outcome.failure) return;
  properties.Set("error", outcome.failure->message);
  properties.Set("failure_class", ToString(outcome.failure->failure_class));
  properties.SetIfAny("failure_signature", FailureSignature(node.id, *outcome.failure));
}

// The engine runs these itself: they are walks of their own.
bool IsWalk(NodeKind kind) { return kind == NodeKind::kParallel || kind == NodeKind::kManagerLoop; }

}  // namespace

model::Event Engine::ScopeEvent(std::string name, Json properties) const {
  properties.SetIfAny("scope", inside_.scope);
  return log_.Make(std::move(name), std::move(properties));
}

model::Event Engine::StageEvent(std::string name, const Node& node, Json properties) const {
  model::Event event = ScopeEvent(std::move(name), std::move(properties));
  event.node_id = node.id;
  event.node_label = std::string(node.Label());
  event.stage_id = state_.stage_id;
  return event;
}

Result<bool> Engine::RunStage(const Node& node, bool rerun) {
  const auto began = deps_.clock.SteadyNow();
  StageOutcome outcome = TRY(RunAttempts(node, rerun));
  if (outcome.suspended) return false;
  const auto partial = TRY(GetBool(node.attributes, "allow_partial"));
  const auto automatic = TRY(GetBool(node.attributes, "auto_status"));
  ApplyModifiers(
      {.allow_partial = partial.value_or(false), .auto_status = automatic.value_or(false)},
      outcome);
  TRY(Complete(node, outcome, MillisSince(began, deps_.clock)));
  return true;
}

Result<StageOutcome> Engine::RunAttempts(const Node& node, bool rerun) {
  const RetryPolicy policy = TRY(ResolveRetryPolicy(graph_, node));
  const bool goes_on = rerun && IsWalk(node.kind);  // Its own stages run again, not it.
  asked_before_ = {};
  if (rerun) asked_before_ = {.question = state_.question, .answer = state_.answer};
  for (bool first = true;; first = false) {
    if (!first || !goes_on) TRY(StartAttempt(node, policy.max_attempts, first && rerun));
    StageOutcome outcome = TRY(CallHandler(node));
    asked_before_ = {};
    if (outcome.suspended) return outcome;
    if (control_.cancelled() != CancelReason::kNone && outcome.status == StageStatus::kFailed) {
      outcome = CancelledOutcome();
    }
    if (control_.cancelled() == CancelReason::kStall && IsMain()) {
      Json idle;
      const auto span = deps_.clock.SteadyNow() - log_.last_activity();
      idle.Set("idle_seconds", std::chrono::duration_cast<std::chrono::seconds>(span).count());
      TRY(log_.Emit("watchdog.timeout", std::move(idle)));
    }
    // A lost sandbox comes back with a resume only.
    if (outcome.details.BoolAt("sandbox_lost")) return outcome;
    if (!IsRetryable(outcome) || state_.attempt >= policy.max_attempts) {
      if (outcome.status != StageStatus::kFailed && outcome.retry_requested) {
        return StageOutcome::Failed("the stage asked for a retry, and none is left",
                                    FailureClass::kTransientInfra);
      }
      return outcome;
    }
    const bool go_on = TRY(WaitForRetry(node, policy, outcome));
    if (!go_on) return CancelledOutcome();
    if (BudgetEnd()) return StageOutcome::Suspended();
  }
}

// False: cancelled meanwhile.
Result<bool> Engine::WaitForRetry(const Node& node, const RetryPolicy& policy,
                                  const StageOutcome& outcome) {
  const Nanos delay = RetryDelay(policy, state_.attempt, Jitter());
  Json failed;
  failed.Set("index", Json(state_.index));
  AddFailure(node, outcome, failed);
  failed.Set("will_retry", true);
  Json retrying;
  retrying.Set("index", Json(state_.index)).Set("attempt", Json(state_.attempt + 1));
  retrying.Set("max_attempts", Json(policy.max_attempts));
  retrying.Set("delay_ms", std::chrono::duration_cast<std::chrono::milliseconds>(delay).count());
  std::vector<model::Event> events;
  events.push_back(StageEvent("stage.failed", node, std::move(failed)));
  events.push_back(StageEvent("stage.retrying", node, std::move(retrying)));
  TRY(log_.Store(std::move(events)));
  const EventLog::Waiting waiting(log_);
  return deps_.sleeper.Sleep(delay, control_.cancel_fd());
}

Status Engine::StartAttempt(const Node& node, std::uint32_t max_attempts, bool rerun) {
  const bool in_flight = state_.phase == Phase::kInFlight;
  std::uint64_t index = state_.index;
  std::uint64_t visit = state_.visit;
  std::string stage_id = state_.stage_id;
  if (!in_flight) {
    const Counters::Visit next = state_.counters->Next(node.id);
    index = log_.NextIndex();
    visit = next.count;
    stage_id = node.id + "@" + std::to_string(next.ordinal);
  }
  Json properties;
  properties.Set("index", Json(index)).Set("handler_type", KindName(node.kind));
  properties.Set("attempt", Json(in_flight ? state_.attempt : 1U));
  properties.Set("max_attempts", Json(max_attempts)).Set("visit", Json(visit));
  if (rerun) properties.Set("rerun", true);
  if (node.kind == NodeKind::kAgent || node.kind == NodeKind::kPrompt) {
    const std::string fidelity = FidelityOf(node);
    properties.Set("fidelity", fidelity);
    if (fidelity == "full") properties.SetIfAny("thread_key", ThreadOf(node));
    degrade_ = false;
  }
  Json output = TRY(deps_.output.Begin(index, stage_id));
  if (!output.IsNull()) properties.Set("output", std::move(output));
  model::Event event = StageEvent("stage.started", node, std::move(properties));
  event.stage_id = stage_id;
  return log_.Store(std::move(event));
}

StageOutcome Engine::CancelledOutcome() const {
  switch (control_.cancelled()) {
    case CancelReason::kBudget:
      return StageOutcome::Failed("the wall budget is spent", FailureClass::kBudgetExhausted);
    case CancelReason::kStall:
      return StageOutcome::Failed("no event and no output for the stall timeout",
                                  FailureClass::kCanceled);
    case CancelReason::kTerminated:
      return StageOutcome::Failed("the worker was told to end", FailureClass::kCanceled);
    case CancelReason::kJoined: {
      StageOutcome outcome;
      outcome.status = StageStatus::kSkipped;
      outcome.notes = "cancelled: the join was decided without this branch";
      return outcome;
    }
    case CancelReason::kNone:
    case CancelReason::kUser:
      break;
  }
  return StageOutcome::Failed("cancelled", FailureClass::kCanceled);
}

// Updates as they are stored: large ones and command output live in the blob store.
Result<Json> Engine::Offload(const StageOutcome& outcome) const {
  Json updates = Json::MakeObject();
  for (const auto& [key, value] : outcome.context_updates) {
    const bool always =
        std::find(outcome.offload.begin(), outcome.offload.end(), key) != outcome.offload.end();
    if (!always && value.Dump().size() <= kOffloadSize) {
      updates.Set(key, value);
      continue;
    }
    // Text is kept as the bytes that it is, everything else as JSON.
    const std::string bytes = value.String() != nullptr ? *value.String() : value.Dump();
    const std::string reference = TRY_IN("offloading " + key, deps_.blobs.Put(bytes));
    updates.Set(key, reference);
  }
  return updates;
}

Status Engine::Complete(const Node& node, const StageOutcome& outcome, std::int64_t duration_ms) {
  Json updates = TRY(Offload(outcome));
  const auto signatures = state_.counters->Count(
      outcome.failure ? FailureSignature(node.id, *outcome.failure) : std::string());
  Json counts = Json::MakeObject();
  for (const auto& [signature, count] : signatures) counts.Set(signature, Json(count));
  const RetryPolicy policy = TRY(ResolveRetryPolicy(graph_, node));
  Json completed;
  completed.Set("index", Json(state_.index)).Set("duration_ms", duration_ms);
  completed.Set("handler_type", KindName(node.kind)).Set("status", ToString(outcome.status));
  completed.SetIfAny("preferred_label", outcome.preferred_label);
  completed.Set("suggested_next_ids", Json::Strings(outcome.suggested_next_ids));
  AddFailure(node, outcome, completed);
  completed.Set("context_updates", std::move(updates));
  completed.Set("loop_failure_signatures", std::move(counts)).SetIfAny("notes", outcome.notes);
  completed.Set("files_touched", Json::Strings(outcome.files_touched));
  if (!outcome.usage.IsNull()) completed.Set("usage", outcome.usage);
  if (outcome.response.size() <= kOffloadSize) completed.SetIfAny("response", outcome.response);
  completed.Set("attempt", Json(state_.attempt)).Set("max_attempts", Json(policy.max_attempts));
  completed.Set("details", outcome.details);
  std::vector<model::Event> events;
  if (outcome.status == StageStatus::kFailed) {
    Json failed;
    failed.Set("index", Json(state_.index));
    AddFailure(node, outcome, failed);
    failed.Set("will_retry", false);
    events.push_back(StageEvent("stage.failed", node, std::move(failed)));
  }
  events.push_back(StageEvent("stage.completed", node, std::move(completed)));
  return log_.Store(std::move(events));
}

}  // namespace fabro::workflow
