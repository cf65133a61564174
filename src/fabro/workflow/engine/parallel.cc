// Parallel branches (workflow language, 9A): one thread a branch, at most `max_parallel` at once,
// each with a walk of its own. Everything that a resume needs is in the events of the branches.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <utility>

#include "fabro/workflow/engine/engine.h"
#include "fabro/workflow/engine/join.h"
#include "fabro/workflow/graph/attributes.h"

namespace fabro::workflow {
namespace {

using model::Json;

constexpr std::int64_t kDefaultParallel = 4;
constexpr std::int64_t kMostParallel = 64;

std::int64_t MillisSince(std::chrono::steady_clock::time_point began, Clock& clock) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock.SteadyNow() - began).count();
}

bool Succeeded(const std::string& status) {
  return status == "succeeded" || status == "partially_succeeded";
}

// What the branches make of the parallel node (9A).
StageOutcome Judge(const std::vector<std::string>& statuses, bool first_success) {
  const auto count = [&](std::string_view word) {
    return std::count(statuses.begin(), statuses.end(), word);
  };
  const bool any = std::any_of(statuses.begin(), statuses.end(), Succeeded);
  StageOutcome outcome;
  if (first_success) {
    if (!any) outcome = StageOutcome::Failed("no branch succeeded");
  } else if (!any) {
    outcome = StageOutcome::Failed("every branch failed");
  } else if (count("failed") > 0) {
    outcome.status = StageStatus::kPartiallySucceeded;
  }
  return outcome;
}

}  // namespace

// The walk of one branch, in its thread. Ends how its last stage ended.
Result<RunEnd> Engine::RunBranch(const Node& node, std::size_t number, Control& control) {
  const std::string segment = state_.stage_id + ":" + std::to_string(number);
  const std::string& first = graph_.edges[index_.Out(index_.IndexOf(node.id))[number]].to;
  const auto find = [&]() -> Traversal* {
    return log_.Look([&](const RunState&) {
      const auto found = state_.inner.find(segment);
      return found == state_.inner.end() ? nullptr : found->second.get();
    });
  };
  Traversal* walk = find();
  if (walk == nullptr) {
    Json properties;
    properties.Set("index", number).Set("branch", segment).Set("node", first);
    TRY(log_.Store(StageEvent("parallel.branch.started", node, std::move(properties))));
    walk = find();
  }
  if (walk == nullptr) return Failure(Code::kInternal, "branch " + segment + " was not made");
  const auto began = deps_.clock.SteadyNow();
  Inside inside{.scope = inside_.scope.empty() ? segment : inside_.scope + ">" + segment,
                .is_branch = true,
                .join = JoinOf(index_, node.id)};
  Engine branch(plan_, config_, deps_, run_, *walk, log_, control, std::move(inside));
  branch.degrade_ = true;  // `full` has no session to share with its brothers (9A).
  RunEnd end = TRY(branch.Walk());
  if (end.kind == RunEnd::Kind::kPaused) return end;
  std::string status(ToString(walk->status));
  if (end.kind != RunEnd::Kind::kSucceeded) status = "failed";
  if (control.cancelled() == CancelReason::kJoined) status = "skipped";
  Json properties;
  properties.Set("index", number).Set("branch", segment).Set("status", status);
  properties.Set("duration_ms", MillisSince(began, deps_.clock));
  if (end.kind == RunEnd::Kind::kFailed) properties.SetIfAny("error", end.message);
  TRY(log_.Store(StageEvent("parallel.branch.completed", node, std::move(properties))));
  return end;
}

// Runs what has not ended yet. An outcome that is suspended: some branch stopped before its end.
Result<StageOutcome> Engine::RunBranches(const Node& node, std::vector<std::string>& statuses) {
  const bool first_success = node.attributes.Text("join_policy") == "first_success";
  auto most = TRY(GetInt(node.attributes, "max_parallel"));
  const std::int64_t threads_wanted =
      std::clamp<std::int64_t>(most.value_or(kDefaultParallel), 1, kMostParallel);
  const std::unique_ptr<Control> control = TRY(control_.MakeChild());
  std::mutex mutex;  // Guards the three below and `statuses`.
  std::optional<Error> failed;
  std::optional<RunEnd> paused;
  bool decided = first_success && std::any_of(statuses.begin(), statuses.end(), Succeeded);
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t number = next++; number < statuses.size(); number = next++) {
      {
        const std::lock_guard lock(mutex);
        if (!statuses[number].empty()) continue;  // It had ended before the crash.
        if (decided || failed || paused || control->cancelled() != CancelReason::kNone) continue;
      }
      auto end = RunBranch(node, number, *control);
      const std::string segment = state_.stage_id + ":" + std::to_string(number);
      const std::string status = log_.Look([&](const RunState&) {
        const auto found = state_.inner.find(segment);
        return found == state_.inner.end() ? std::string() : found->second->ended_status;
      });
      const std::lock_guard lock(mutex);
      if (!end.ok()) {
        failed = std::move(end).error();
        control->Cancel(CancelReason::kTerminated);
      } else if (end->kind == RunEnd::Kind::kPaused) {
        paused = *std::move(end);
      } else {
        statuses[number] = status;
        if (first_success && Succeeded(status)) {
          decided = true;
          control->Cancel(CancelReason::kJoined);
        }
      }
    }
  };
  std::vector<std::thread> threads;
  const std::size_t count = std::min(static_cast<std::size_t>(threads_wanted), statuses.size());
  for (std::size_t i = 0; i < count; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  if (failed) return *std::move(failed);
  if (paused) {
    inner_end_ = std::move(paused);
    return StageOutcome::Suspended();
  }
  if (control_.cancelled() != CancelReason::kNone) return CancelledOutcome();
  for (std::string& status : statuses) {
    if (status.empty()) status = "skipped";
  }
  return Judge(statuses, first_success);
}

Result<StageOutcome> Engine::RunParallel(const Node& node) {
  const auto out = index_.Out(index_.IndexOf(node.id));
  const std::string policy(node.attributes.Text("join_policy", "wait_all"));
  const auto began = deps_.clock.SteadyNow();
  const auto segment = [&](std::size_t number) {
    return state_.stage_id + ":" + std::to_string(number);
  };
  std::vector<std::string> statuses(out.size());
  const bool is_new = log_.Look([&](const RunState&) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      const auto found = state_.inner.find(segment(i));
      if (found != state_.inner.end()) statuses[i] = found->second->ended_status;
    }
    return state_.opened != state_.stage_id;
  });
  if (is_new) {
    Json properties;
    properties.Set("branch_count", out.size()).Set("join_policy", policy);
    TRY(log_.Store(StageEvent("parallel.started", node, std::move(properties))));
  }
  StageOutcome outcome = TRY(RunBranches(node, statuses));
  if (outcome.suspended) return outcome;
  Json results = Json::MakeArray();
  bool lost = false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    Json updates = Json::MakeObject();
    const auto found = state_.inner.find(segment(i));
    if (found != state_.inner.end()) {
      for (const auto& [key, value] : found->second->ContextChanges()) updates.Set(key, value);
      lost = lost || found->second->sandbox_lost;
    }
    Json one;
    one.Set("id", graph_.edges[out[i]].to).Set("status", statuses[i]);
    one.Set("context_updates", std::move(updates));
    results.Push(std::move(one));
  }
  outcome.context_updates["parallel.results"] = std::move(results);
  outcome.context_updates["parallel.branch_count"] = Json(out.size());
  if (lost) outcome.details.Set("sandbox_lost", true);
  Json completed;
  completed.Set("duration_ms", MillisSince(began, deps_.clock));
  completed.Set("success_count", std::count_if(statuses.begin(), statuses.end(), Succeeded));
  completed.Set("failure_count", std::count(statuses.begin(), statuses.end(), "failed"));
  TRY(log_.Store(StageEvent("parallel.completed", node, std::move(completed))));
  return outcome;
}

}  // namespace fabro::workflow
