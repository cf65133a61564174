// Parallel branches, waits, loops that restart and sub-workflows.
#include <algorithm>

#include "fabro/workflow/engine/join.h"
#include "fabro/workflow/handlers/testing/run_test.h"

namespace fabro::workflow {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class ParallelTest : public testing::RunTest {
 protected:
  model::Json ContextOf(const std::string& key) {
    const RunState state = *Replay(store_);
    const auto found = state.context.find(key);
    return found == state.context.end() ? model::Json() : found->second;
  }
  std::string StatusOf(const std::string& stage) {
    for (const model::Event& event : Events("stage.completed")) {
      if (event.stage_id == stage) return event.properties.StringAt("status");
    }
    return "none";
  }
  // What a worker left that died right after its event number `last` (1-based) was stored.
  void CutAfter(std::size_t last) {
    std::vector<model::Event> events = All(store_);
    events.resize(std::min(last, events.size()));
    auto cut = std::make_unique<store::MemoryStore>();
    for (model::Event& event : events) {
      std::vector<model::Event> one{std::move(event)};
      ASSERT_TRUE(cut->Append(one).ok());
    }
    cut_ = std::move(cut);
  }
  // The resumed run over the cut store; `store_` stays as it was.
  RunEnd ResumeCut(const Graph& graph, const ChildWorkflows* children = nullptr) {
    RunState state = *Replay(*cut_);
    FakeClock clock;
    EventLog log(*cut_, state, RunId("01K"), clock);
    EXPECT_TRUE(log.Emit(state.started ? "run.resumed" : "run.started").ok());
    const auto control = *Control::Make();
    const EngineDeps deps{.blobs = blobs_,
                          .sandbox = &sandbox_,
                          .checkpointer = nullptr,
                          .handlers = BuiltInHandlers(),
                          .output = output_,
                          .control = *control,
                          .clock = clock,
                          .sleeper = sleeper_,
                          .interviews = &interviews_};
    auto engine = *Engine::Make(graph, {.run = RunId("01K")}, deps, state, log, children);
    return *engine->Run();
  }
  static std::vector<std::string> CompletedIn(store::EventStore& store) {
    std::vector<std::string> stages;
    for (const model::Event& event : All(store)) {
      if (event.name == "stage.completed") {
        stages.push_back(event.stage_id + " " + event.properties.StringAt("status"));
      }
    }
    std::sort(stages.begin(), stages.end());
    return stages;
  }
  std::unique_ptr<store::MemoryStore> cut_;
};

constexpr const char* kFork = R"(fork [shape=component]; a [script=ok]; a2 [script=ok];
    b [script=bad]; c [script=ok]; join [shape=tripleoctagon];
    start -> fork; fork -> a; fork -> b; fork -> c; a -> a2 -> join; b -> join; c -> join;
    join -> exit)";

TEST_F(ParallelTest, WaitAllRunsEveryBranchAndIsPartialWhenOneFails) {
  sandbox_.Script("ok", {});
  sandbox_.Script("bad", Exits(3));
  EXPECT_EQ(RunGraph(kFork).kind, RunEnd::Kind::kSucceeded);
  EXPECT_EQ(StatusOf("fork@1"), "partially_succeeded");
  EXPECT_EQ(StatusOf("b@1"), "failed");
  const model::Json results = ContextOf("parallel.results");
  ASSERT_EQ(results.Items()->size(), 3U);
  EXPECT_EQ((*results.Items())[0].StringAt("id"), "a");
  EXPECT_EQ((*results.Items())[1].StringAt("status"), "failed");
  EXPECT_EQ(ContextOf("parallel.branch_count"), model::Json(3));
  // Nothing else of a branch comes back.
  EXPECT_TRUE(ContextOf("command.output").IsNull());
}

TEST_F(ParallelTest, AllFailedIsFailedAndGoesOnToTheJoinWhichFails) {
  sandbox_.Script("bad", Exits(1));
  const RunEnd end = RunGraph(R"(fork [shape=component]; a [script=bad]; b [script=bad];
      join [shape=tripleoctagon]; start -> fork; fork -> a; fork -> b; a -> join; b -> join;
      join -> exit [condition="outcome=succeeded"])");
  EXPECT_EQ(end.kind, RunEnd::Kind::kFailed);
  EXPECT_EQ(StatusOf("fork@1"), "failed");
  EXPECT_THAT(end.message, HasSubstr("every branch failed"));
}

TEST_F(ParallelTest, FirstSuccessCancelsTheOthers) {
  sandbox_.Script("slow", Endless());
  sandbox_.Script("ok", {});
  EXPECT_EQ(RunGraph(R"(fork [shape=component, join_policy=first_success]; a [script=slow];
      b [script=ok]; last [script=ok]; start -> fork; fork -> a; fork -> b; a -> last; b -> last;
      last -> exit)")
                .kind,
            RunEnd::Kind::kSucceeded);
  EXPECT_EQ(StatusOf("a@1"), "skipped");
  EXPECT_EQ(StatusOf("fork@1"), "succeeded");
  const model::Json results = ContextOf("parallel.results");
  EXPECT_EQ((*results.Items())[0].StringAt("status"), "skipped");
}

TEST_F(ParallelTest, BranchesRunAtOnce) {
  // Each waits for the other: one after the other they would never end.
  sandbox_.Script("slow", Endless());
  sandbox_.Script("ok", {});
  EXPECT_EQ(RunGraph(R"(fork [shape=component, max_parallel=2, join_policy=first_success];
      a [script=slow]; b [script=ok]; start -> fork; fork -> a; fork -> b; a -> exit; b -> exit)")
                .kind,
            RunEnd::Kind::kSucceeded);
}

TEST_F(ParallelTest, VisitsAreCountedTogether) {
  sandbox_.Script("ok", {});
  EXPECT_EQ(RunGraph(R"(fork [shape=component]; a [script=ok]; b [script=ok]; both [script=ok];
      c [script=ok]; join [shape=tripleoctagon]; start -> fork; fork -> a; fork -> b; fork -> c;
      a -> both; b -> both; both -> join; c -> join; join -> exit)")
                .kind,
            RunEnd::Kind::kSucceeded);
  std::vector<std::string> stages = Completed();
  EXPECT_EQ(std::count(stages.begin(), stages.end(), "both@1"), 1);
  EXPECT_EQ(std::count(stages.begin(), stages.end(), "both@2"), 1);
}

TEST_F(ParallelTest, TheJoinIsTheNearestFanInElseTheNearestCommonNode) {
  const Graph graph = GraphOf(R"(fork [shape=component]; a; b; mid; join [shape=tripleoctagon];
      start -> fork; fork -> a; fork -> b; a -> mid; b -> mid; mid -> join; join -> exit;
      other [shape=component]; other -> a; other -> exit)");
  EXPECT_EQ(JoinOf(GraphIndex(graph), "fork"), "join");
  EXPECT_EQ(JoinOf(GraphIndex(graph), "other"), "exit");
}

TEST_F(ParallelTest, AnInnerForkEndsBeforeTheOuterOne) {
  sandbox_.Script("ok", {});
  EXPECT_EQ(RunGraph(R"(outer [shape=component]; inner [shape=component]; a [script=ok];
      b [script=ok]; c [script=ok]; j1 [shape=tripleoctagon]; j2 [shape=tripleoctagon];
      start -> outer; outer -> inner; outer -> c; inner -> a; inner -> b; a -> j1; b -> j1;
      j1 -> j2; c -> j2; j2 -> exit)")
                .kind,
            RunEnd::Kind::kSucceeded);
  EXPECT_EQ(StatusOf("inner@1"), "succeeded");
  EXPECT_EQ(ContextOf("parallel.branch_count"), model::Json(2));
}

TEST_F(ParallelTest, ACrashAtAnyEventRepeatsNoCompletedStageOfABranch) {
  sandbox_.Script("ok", {});
  sandbox_.Script("bad", Exits(3));
  const Graph graph = GraphOf(kFork);
  RunGraph(graph);
  const auto whole = CompletedIn(store_);
  const std::size_t events = store_.LastSeq().value();
  for (std::size_t last = 1; last < events; ++last) {
    CutAfter(last);
    EXPECT_EQ(ResumeCut(graph).kind, RunEnd::Kind::kSucceeded) << last;
    EXPECT_EQ(CompletedIn(*cut_), whole) << last;
  }
}

TEST_F(ParallelTest, AWaitTakesItsTime) {
  EXPECT_EQ(RunGraph("w [shape=insulator, duration=90s]; start -> w -> exit").kind,
            RunEnd::Kind::kSucceeded);
  EXPECT_THAT(sleeper_.spans, ElementsAre(std::chrono::seconds(90)));
}

TEST_F(ParallelTest, ARestartedLoopForgetsVisitsAndKeepsTheContext) {
  sandbox_.Script("one", {.output = {{provider::Stream::kStdout, "x"}}});
  sandbox_.Script("two", Exits(0));
  sandbox_.Script("two", Exits(2));
  // b passes, the loop restarts; b fails, and the run leaves. a's limit is never met.
  EXPECT_EQ(RunGraph(R"(a [script=one, max_visits=1]; b [script=two]; start -> a -> b;
      b -> a [loop_restart=true, condition="outcome=succeeded"];
      b -> exit [condition="outcome=failed && command.stderr !=x"])")
                .kind,
            RunEnd::Kind::kSucceeded);
  EXPECT_THAT(Completed(), ElementsAre("start@1", "a@1", "b@1", "a@2", "b@2", "exit@1"));
  EXPECT_EQ(Events("stage.started")[3].properties.IntAt("visit"), 1);
}

TEST_F(ParallelTest, AFailureThatIsNotTransientRestartsNothing) {
  sandbox_.Script("bad", Exits(1));
  const RunEnd end = RunGraph("a [script=bad]; start -> a; a -> a [loop_restart=true]");
  EXPECT_EQ(end.kind, RunEnd::Kind::kFailed);
  EXPECT_THAT(end.message, HasSubstr("restarts a loop"));
  EXPECT_THAT(Completed(), ElementsAre("start@1", "a@1"));
}

TEST_F(ParallelTest, TransientFailuresRestartUntilTheirSignatureIsKnown) {
  sandbox_.Script("slow", Endless());
  const RunEnd end =
      RunGraph("a [script=slow, timeout=1s]; start -> a; a -> a [loop_restart=true]");
  EXPECT_EQ(end.kind, RunEnd::Kind::kFailed);
  EXPECT_THAT(end.message, HasSubstr("3 times (limit 3)"));
  EXPECT_THAT(Completed(), ElementsAre("start@1", "a@1", "a@2", "a@3"));
  EXPECT_EQ(Events("loop.restart").size(), 2U);
}

ChildWorkflows ChildOf(const std::string& node, Graph graph) {
  auto child = std::make_shared<ChildWorkflow>();
  child->graph = std::move(graph);
  return {{node, std::move(child)}};
}

TEST_F(ParallelTest, ASubWorkflowRunsInsideAndBringsItsChangesBack) {
  sandbox_.Script("ok", {});
  sandbox_.Script("say", {.output = {{provider::Stream::kStdout, "inner"}}});
  const Graph graph =
      GraphOf("sub [shape=house]; after [script=ok]; start -> sub -> after -> exit");
  const auto children = ChildOf("sub", GraphOf("step [script=say]; start -> step -> exit"));
  EXPECT_EQ(RunGraph(graph, &children).kind, RunEnd::Kind::kSucceeded);
  EXPECT_THAT(Completed(),
              ElementsAre("start@1", "start@1", "step@1", "exit@1", "sub@1", "after@1", "exit@1"));
  EXPECT_EQ(StatusOf("sub@1"), "succeeded");
  const auto completed = Events("subgraph.completed");
  ASSERT_EQ(completed.size(), 1U);
  EXPECT_EQ(completed[0].properties.IntAt("steps_executed"), 3);
}

TEST_F(ParallelTest, ASubWorkflowThatFailsFailsItsStageWithItsMessage) {
  sandbox_.Script("bad", Exits(9));
  const Graph graph = GraphOf(R"(sub [shape=house]; start -> sub;
      sub -> exit [condition="outcome=succeeded"])");
  const auto children =
      ChildOf("sub", GraphOf(R"(s [script=bad]; start -> s; s -> exit [condition="outcome=x"])"));
  const RunEnd end = RunGraph(graph, &children);
  EXPECT_EQ(end.kind, RunEnd::Kind::kFailed);
  EXPECT_THAT(end.message, HasSubstr("exited with code 9"));
}

TEST_F(ParallelTest, ACrashInsideASubWorkflowGoesOnInside) {
  sandbox_.Script("ok", {});
  const Graph graph = GraphOf("sub [shape=house]; start -> sub -> exit");
  const auto children =
      ChildOf("sub", GraphOf("s1 [script=ok]; s2 [script=ok]; start -> s1 -> s2 -> exit"));
  RunGraph(graph, &children);
  const auto whole = CompletedIn(store_);
  const std::size_t events = store_.LastSeq().value();
  for (std::size_t last = 1; last < events; ++last) {
    CutAfter(last);
    EXPECT_EQ(ResumeCut(graph, &children).kind, RunEnd::Kind::kSucceeded) << last;
    EXPECT_EQ(CompletedIn(*cut_), whole) << last;
  }
}

TEST_F(ParallelTest, AStopConditionEndsTheSubWorkflow) {
  sandbox_.Script("slow", Endless());
  sandbox_.Script("ok", {});
  const Graph graph = GraphOf(R"(first [script=ok]; sub [shape=house, manager.poll_interval=1ms,
      manager.stop_condition="outcome=succeeded"]; start -> first -> sub -> exit)");
  const auto children = ChildOf("sub", GraphOf("s [script=slow]; start -> s -> exit"));
  EXPECT_EQ(RunGraph(graph, &children).kind, RunEnd::Kind::kSucceeded);
  EXPECT_EQ(StatusOf("sub@1"), "succeeded");
}

TEST_F(ParallelTest, ATokenBudgetPausesBeforeTheNextStage) {
  sandbox_.Script("ok", {});
  const Graph graph = GraphOf("a [script=ok]; start -> a -> exit");
  config_.token_budget = 100;
  {
    RunState state;
    FakeClock clock;
    EventLog log(store_, state, RunId("01K"), clock);
    model::Json usage;
    usage.Set("input_tokens", 90).Set("output_tokens", 10).Set("cost_usd", 0.5);
    ASSERT_TRUE(log.Emit("run.started").ok());
    ASSERT_TRUE(log.Emit("agent.message", model::Json::MakeObject().Set("usage", usage)).ok());
  }
  const RunEnd end = RunGraph(graph);
  EXPECT_EQ(end.kind, RunEnd::Kind::kPaused);
  EXPECT_EQ(end.reason, "budget");
  EXPECT_EQ(end.budget.StringAt("limit"), "tokens");
  EXPECT_EQ(end.budget.IntAt("used"), 100);
  config_.token_budget = 1000;
  EXPECT_EQ(RunGraph(graph).kind, RunEnd::Kind::kSucceeded);
}

}  // namespace
}  // namespace fabro::workflow
