// Sub-workflows (workflow language, 9B): a child graph walked in a thread of its own while the
// manager looks at its stop condition.
#include <chrono>
#include <condition_variable>
#include <thread>
#include <utility>

#include "fabro/workflow/engine/engine.h"
#include "fabro/workflow/graph/attributes.h"

namespace fabro::workflow {
namespace {

using model::Json;

constexpr Nanos kDefaultPoll = std::chrono::seconds(45);
constexpr std::int64_t kDefaultCycles = 1000;

// The node's attribute, else the graph's.
const Attributes& Holder(const Node& node, const Graph& graph, std::string_view key) {
  return node.attributes.Has(key) ? node.attributes : graph.attributes;
}

struct Manager {
  Nanos poll = kDefaultPoll;
  std::int64_t cycles = kDefaultCycles;
  Condition stop;
};

Result<Manager> ManagerOf(const Node& node, const Graph& graph) {
  Manager manager;
  const auto poll =
      TRY(GetDuration(Holder(node, graph, "manager.poll_interval"), "manager.poll_interval"));
  manager.poll = poll.value_or(kDefaultPoll);
  const auto cycles = TRY(GetInt(Holder(node, graph, "manager.max_cycles"), "manager.max_cycles"));
  manager.cycles = cycles.value_or(kDefaultCycles);
  const std::string_view text =
      Holder(node, graph, "manager.stop_condition").Text("manager.stop_condition");
  auto stop = ParseCondition(text);
  if (!stop) {
    return Failure(Code::kInvalidArgument, "manager.stop_condition: " + stop.error().message,
                   "condition_syntax");
  }
  manager.stop = *std::move(stop);
  return manager;
}

StageOutcome OutcomeOf(const RunEnd& end) {
  if (end.kind == RunEnd::Kind::kSucceeded) {
    StageOutcome outcome;
    if (end.partially) outcome.status = StageStatus::kPartiallySucceeded;
    return outcome;
  }
  const FailureClass failure_class = end.reason == "transient_infra" ? FailureClass::kTransientInfra
                                     : end.reason == "budget_exhausted"
                                         ? FailureClass::kBudgetExhausted
                                         : FailureClass::kDeterministic;
  return StageOutcome::Failed(end.message, failure_class);
}

}  // namespace

Result<StageOutcome> Engine::RunChild(const Node& node) {
  if (plan_->children == nullptr || !plan_->children->contains(node.id)) {
    return StageOutcome::Failed("the run was stored without the workflow of " + node.id);
  }
  const ChildWorkflow& child = *plan_->children->at(node.id);
  auto manager = ManagerOf(node, graph_);
  if (!manager.ok()) return StageOutcome::Failed(manager.error().message);
  std::string goal(child.graph.attributes.Text("goal"));
  if (goal.empty()) goal = plan_->goal;
  auto plan = MakePlan(child.graph, &child.children, deps_.handlers, std::move(goal));
  if (!plan.ok()) return StageOutcome::Failed(plan.error().message);
  const auto began = deps_.clock.SteadyNow();
  if (state_.opened != state_.stage_id) {
    TRY(log_.Store(StageEvent("subgraph.started", node, Json::MakeObject())));
  }
  Traversal& walk = *state_.inner.at(state_.stage_id);
  const std::size_t before = walk.completed_nodes.size();
  const auto control = TRY(control_.MakeChild());
  Inside inside;
  inside.scope = inside_.scope.empty() ? state_.stage_id : inside_.scope + ">" + state_.stage_id;
  Engine engine(*std::move(plan), config_, deps_, run_, walk, log_, *control, std::move(inside));
  engine.degrade_ = degrade_;
  std::optional<StageOutcome> stopped;
  RunEnd end = TRY(engine.WalkWatched(
      {.poll = manager->poll, .cycles = manager->cycles},
      [&]() -> bool {
        const auto look = [&](std::string_view key) { return Look(key); };
        const bool wanted = !manager->stop.any_of.empty() && Evaluate(manager->stop, look);
        if (wanted) stopped = StageOutcome::Succeeded();
        return wanted;
      },
      stopped));
  if (end.kind == RunEnd::Kind::kPaused) {
    inner_end_ = std::move(end);
    return StageOutcome::Suspended();
  }
  if (control_.cancelled() != CancelReason::kNone) return CancelledOutcome();
  StageOutcome outcome = stopped ? *std::move(stopped) : OutcomeOf(end);
  outcome.context_updates = walk.ContextChanges();
  if (walk.sandbox_lost) outcome.details.Set("sandbox_lost", true);
  Json completed;
  completed.Set("steps_executed", walk.completed_nodes.size() - before);
  completed.Set("status", ToString(outcome.status));
  const auto span = deps_.clock.SteadyNow() - began;
  completed.Set("duration_ms", std::chrono::duration_cast<std::chrono::milliseconds>(span).count());
  TRY(log_.Store(StageEvent("subgraph.completed", node, std::move(completed))));
  return outcome;
}

// Walks to the end in a thread of its own; this one looks every `poll` whether to stop it.
Result<RunEnd> Engine::WalkWatched(const Polling& polling, const std::function<bool()>& enough,
                                   std::optional<StageOutcome>& stopped) {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  std::optional<Result<RunEnd>> end;
  std::thread thread([&] {
    Result<RunEnd> walked = Walk();
    const std::lock_guard lock(mutex);
    end.emplace(std::move(walked));
    done = true;
    changed.notify_all();
  });
  for (std::int64_t cycle = 1;; ++cycle) {
    if (enough()) {
      control_.Cancel(CancelReason::kJoined);
    } else if (cycle > polling.cycles) {
      stopped = StageOutcome::Failed("the sub-workflow did not end within " +
                                     std::to_string(polling.cycles) + " cycles");
      control_.Cancel(CancelReason::kJoined);
    }
    std::unique_lock lock(mutex);
    if (control_.cancelled() != CancelReason::kNone) {
      changed.wait(lock, [&] { return done; });
    } else {
      changed.wait_for(lock, polling.poll, [&] { return done; });
    }
    if (done) break;
  }
  thread.join();
  return *std::move(end);
}

}  // namespace fabro::workflow
