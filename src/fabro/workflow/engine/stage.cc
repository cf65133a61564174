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

}  // namespace

std::string Engine::StageId(const Node& node) const {
  const auto found = state_.node_visits.find(node.id);
  const std::uint64_t visit = found == state_.node_visits.end() ? 1 : found->second;
  return node.id + "@" + std::to_string(visit);
}

model::Event Engine::StageEvent(std::string name, const Node& node, Json properties) {
  model::Event event = log_.Make(std::move(name), std::move(properties));
  event.node_id = node.id;
  event.node_label = std::string(node.Label());
  event.stage_id = StageId(node);
  return event;
}

Status Engine::RunStage(const Node& node, bool rerun) {
  const auto began = deps_.clock.SteadyNow();
  if (!rerun) state_.attempt = 1;
  StageOutcome outcome = TRY(RunAttempts(node, rerun));
  const auto partial = TRY(GetBool(node.attributes, "allow_partial"));
  const auto automatic = TRY(GetBool(node.attributes, "auto_status"));
  ApplyModifiers(
      {.allow_partial = partial.value_or(false), .auto_status = automatic.value_or(false)},
      outcome);
  return Complete(node, outcome, MillisSince(began, deps_.clock));
}

Result<StageOutcome> Engine::RunAttempts(const Node& node, bool rerun) {
  const RetryPolicy policy = TRY(ResolveRetryPolicy(graph_, node));
  for (;;) {
    TRY(StartAttempt(node, policy.max_attempts, rerun));
    rerun = false;
    StageOutcome outcome = CallHandler(node);
    if (deps_.control.cancelled() != CancelReason::kNone &&
        outcome.status == StageStatus::kFailed) {
      outcome = CancelledOutcome();
    }
    if (deps_.control.cancelled() == CancelReason::kStall) {
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
  }
}

// False: cancelled meanwhile.
Result<bool> Engine::WaitForRetry(const Node& node, const RetryPolicy& policy,
                                  const StageOutcome& outcome) {
  const Nanos delay = RetryDelay(policy, state_.attempt, Jitter());
  Json failed;
  failed.Set("index", Json(state_.stages - 1));
  AddFailure(node, outcome, failed);
  failed.Set("will_retry", true);
  Json retrying;
  retrying.Set("index", Json(state_.stages - 1)).Set("attempt", Json(state_.attempt + 1));
  retrying.Set("max_attempts", Json(policy.max_attempts));
  retrying.Set("delay_ms", std::chrono::duration_cast<std::chrono::milliseconds>(delay).count());
  std::vector<model::Event> events;
  events.push_back(StageEvent("stage.failed", node, std::move(failed)));
  events.push_back(StageEvent("stage.retrying", node, std::move(retrying)));
  TRY(log_.Store(std::move(events)));
  return deps_.sleeper.Sleep(delay, deps_.control.cancel_fd());
}

Status Engine::StartAttempt(const Node& node, std::uint32_t max_attempts, bool rerun) {
  const bool in_flight = state_.phase == Phase::kInFlight;
  const std::uint64_t index = in_flight ? state_.stages - 1 : state_.stages;
  const std::uint64_t visit = state_.node_visits[node.id] + (in_flight ? 0 : 1);
  const std::string stage_id = node.id + "@" + std::to_string(visit);
  Json properties;
  properties.Set("index", Json(index)).Set("handler_type", KindName(node.kind));
  properties.Set("attempt", Json(state_.attempt)).Set("max_attempts", Json(max_attempts));
  if (rerun) properties.Set("rerun", true);
  Json output = TRY(deps_.output.Begin(index, stage_id));
  if (!output.IsNull()) properties.Set("output", std::move(output));
  model::Event event = StageEvent("stage.started", node, std::move(properties));
  event.stage_id = stage_id;
  return log_.Store(std::move(event));
}

StageOutcome Engine::CallHandler(const Node& node) {
  auto timeout = GetDuration(node.attributes, "timeout");
  if (!timeout.ok()) return StageOutcome::Failed(timeout.error().message);
  const StageTask task{.graph = graph_,
                       .node = node,
                       .stage_id = StageId(node),
                       .attempt = state_.attempt,
                       .timeout = *timeout,
                       .sandbox = deps_.sandbox,
                       .dry_run = config_.dry_run,
                       .cancel_fd = deps_.control.cancel_fd(),
                       // The sequence number keeps ids apart over resumes.
                       .exec_id = config_.run.value() + "/" + std::to_string(state_.last_seq) +
                                  "." + std::to_string(++execs_),
                       .output = [this](provider::Stream stream, std::string_view bytes) {
                         log_.Touch();
                         return deps_.output.Append(stream, bytes);
                       }};
  return deps_.handlers.at(node.kind)->Run(task);
}

StageOutcome Engine::CancelledOutcome() const {
  switch (deps_.control.cancelled()) {
    case CancelReason::kBudget:
      return StageOutcome::Failed("the wall budget is spent", FailureClass::kBudgetExhausted);
    case CancelReason::kStall:
      return StageOutcome::Failed("no event and no output for the stall timeout",
                                  FailureClass::kCanceled);
    case CancelReason::kTerminated:
      return StageOutcome::Failed("the worker was told to end", FailureClass::kCanceled);
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
  auto signatures = state_.loop_failure_signatures;
  if (outcome.failure) {
    const std::string signature = FailureSignature(node.id, *outcome.failure);
    if (!signature.empty()) ++signatures[signature];
  }
  Json counts = Json::MakeObject();
  for (const auto& [signature, count] : signatures) counts.Set(signature, Json(count));
  const RetryPolicy policy = TRY(ResolveRetryPolicy(graph_, node));
  Json completed;
  completed.Set("index", Json(state_.stages - 1)).Set("duration_ms", duration_ms);
  completed.Set("handler_type", KindName(node.kind)).Set("status", ToString(outcome.status));
  completed.SetIfAny("preferred_label", outcome.preferred_label);
  completed.Set("suggested_next_ids", Json::Strings(outcome.suggested_next_ids));
  AddFailure(node, outcome, completed);
  completed.Set("context_updates", std::move(updates));
  completed.Set("loop_failure_signatures", std::move(counts)).SetIfAny("notes", outcome.notes);
  completed.Set("files_touched", Json::MakeArray());
  completed.Set("attempt", Json(state_.attempt)).Set("max_attempts", Json(policy.max_attempts));
  completed.Set("details", outcome.details);
  std::vector<model::Event> events;
  if (outcome.status == StageStatus::kFailed) {
    Json failed;
    failed.Set("index", Json(state_.stages - 1));
    AddFailure(node, outcome, failed);
    failed.Set("will_retry", false);
    events.push_back(StageEvent("stage.failed", node, std::move(failed)));
  }
  events.push_back(StageEvent("stage.completed", node, std::move(completed)));
  return log_.Store(std::move(events));
}

}  // namespace fabro::workflow
