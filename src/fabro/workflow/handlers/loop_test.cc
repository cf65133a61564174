// The engine's loop with the real handlers, over the fake sandbox and a store in memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "fabro/linux/scoped_dir.h"
#include "fabro/provider/fake/fake.h"
#include "fabro/workflow/engine/engine.h"
#include "fabro/workflow/graph/parser.h"
#include "fabro/workflow/handlers/table.h"

namespace fabro::workflow {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

provider::FakeExec Exits(int code) {
  provider::FakeExec exec;
  exec.exit_code = code;
  return exec;
}

provider::FakeExec Endless() {
  provider::FakeExec exec;
  exec.endless = true;
  return exec;
}

class NoOutput final : public StageOutput {
 public:
  Result<model::Json> Begin(std::uint64_t, const std::string&) override { return model::Json(); }
  Status Append(provider::Stream, std::string_view) override { return {}; }
};

// Notes the spans and does not wait.
class NotedSleeper final : public Sleeper {
 public:
  bool Sleep(Nanos span, int) override {
    spans.push_back(span);
    return true;
  }
  std::vector<Nanos> spans;
};

class LoopTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(sandbox_.Initialize().ok()); }

  RunEnd RunGraph(const std::string& body) {
    const auto graph = Parse(
        "digraph T { node [shape=parallelogram]; start [shape=Mdiamond]; "
        "exit [shape=Msquare]; " +
        body + " }");
    EXPECT_TRUE(graph.has_value()) << graph.error().message;
    RunState state;
    FakeClock clock;
    EventLog log(store_, state, RunId("01K"), clock);
    const auto control = *Control::Make();
    if (cancelled_) control->Cancel(CancelReason::kUser);
    const EngineDeps deps{.blobs = blobs_,
                          .sandbox = &sandbox_,
                          .checkpointer = nullptr,
                          .handlers = BuiltInHandlers(),
                          .output = output_,
                          .control = *control,
                          .clock = clock,
                          .sleeper = sleeper_};
    auto engine =
        Engine::Make(*graph, {.run = RunId("01K"), .dry_run = dry_run_}, deps, state, log);
    EXPECT_TRUE(engine.ok()) << engine.error().ToString();
    auto end = (*engine)->Run();
    EXPECT_TRUE(end.ok()) << end.error().ToString();
    return *end;
  }

  std::vector<std::string> Completed() {
    std::vector<std::string> stages;
    const std::vector<model::Event> events = *store_.Read(0, 10'000);
    for (const model::Event& event : events) {
      if (event.name == "stage.completed") stages.push_back(event.stage_id);
    }
    return stages;
  }

  TempDir dir_ = *TempDir::Make("fabro-loop-test");
  store::BlobStore blobs_{dir_.path()};
  store::MemoryStore store_;
  provider::FakeSandbox sandbox_;
  NoOutput output_;
  NotedSleeper sleeper_;
  bool dry_run_ = false;
  bool cancelled_ = false;
};

TEST_F(LoopTest, ConditionsSeeTheTextOfOffloadedOutput) {
  sandbox_.Script("say", {.output = {{provider::Stream::kStdout, "all good\n"}}});
  sandbox_.Script("yes", {});
  EXPECT_EQ(RunGraph(R"(a [script=say]; b [script=yes]; start -> a;
      a -> b [condition="context.command.output contains good"]; a -> exit; b -> exit)")
                .kind,
            RunEnd::Kind::kSucceeded);
  EXPECT_THAT(Completed(), ElementsAre("start@1", "a@1", "b@1", "exit@1"));
}

TEST_F(LoopTest, AConditionalPassesTheFailureBeforeItThrough) {
  sandbox_.Script("bad", Exits(1));
  EXPECT_EQ(RunGraph(R"(a [script=bad]; q [shape=diamond]; b [script=bad, auto_status=true];
      start -> a -> q; q -> b [condition="outcome=failed"]; q -> exit; b -> exit)")
                .kind,
            RunEnd::Kind::kSucceeded);
  EXPECT_THAT(Completed(), ElementsAre("start@1", "a@1", "q@1", "b@1", "exit@1"));
}

TEST_F(LoopTest, AGoalGateThatFailedJumpsBackUntilItPasses) {
  sandbox_.Script("check", Exits(1));
  sandbox_.Script("check", Exits(0));
  sandbox_.Script("repair", {});
  EXPECT_EQ(RunGraph(R"(check [script=check, goal_gate=true, retry_target=repair];
      repair [script=repair]; start -> check -> exit; repair -> check)")
                .kind,
            RunEnd::Kind::kSucceeded);
  EXPECT_THAT(Completed(), ElementsAre("start@1", "check@1", "repair@1", "check@2", "exit@1"));
}

TEST_F(LoopTest, AGoalGateWithoutTargetFailsTheRunAndIsNamed) {
  sandbox_.Script("bad", Exits(1));
  const RunEnd end = RunGraph("gate [script=bad, goal_gate=true]; start -> gate -> exit");
  EXPECT_EQ(end.kind, RunEnd::Kind::kFailed);
  EXPECT_THAT(end.message, HasSubstr("goal gate gate"));
}

TEST_F(LoopTest, AVisitLimitIsNamedWithItsSource) {
  sandbox_.Script("ok", {});
  const RunEnd end =
      RunGraph("a [script=ok, max_visits=2]; start -> a; a -> a [weight=1]; a -> exit");
  EXPECT_EQ(end.kind, RunEnd::Kind::kFailed);
  EXPECT_THAT(end.message, HasSubstr("visited 2 times; the limit is 2 (max_visits of the node)"));
}

TEST_F(LoopTest, TheSameFailureThreeTimesBreaksTheCircuit) {
  sandbox_.Script("bad",
                  {.output = {{provider::Stream::kStderr, "line 12 broke\n"}}, .exit_code = 2});
  const RunEnd end = RunGraph("a [script=bad]; start -> a; a -> a [weight=1]; a -> exit");
  EXPECT_EQ(end.kind, RunEnd::Kind::kFailed);
  EXPECT_THAT(end.message, HasSubstr("3 times (limit 3)"));
  EXPECT_THAT(Completed(), ElementsAre("start@1", "a@1", "a@2", "a@3"));
}

TEST_F(LoopTest, ATimeoutIsRetriedWithinTheSameVisit) {
  sandbox_.Script("slow", Endless());
  sandbox_.Script("slow", {});
  EXPECT_EQ(RunGraph("a [script=slow, timeout=1s, retry_policy=standard]; start -> a -> exit").kind,
            RunEnd::Kind::kSucceeded);
  ASSERT_EQ(sleeper_.spans.size(), 1U);
  EXPECT_GE(sleeper_.spans[0], std::chrono::milliseconds(100));
  EXPECT_LE(sleeper_.spans[0], std::chrono::milliseconds(300));
  EXPECT_THAT(Completed(), ElementsAre("start@1", "a@1", "exit@1"));
}

TEST_F(LoopTest, AFailureWithoutAWayOnIsTheRunsFailure) {
  sandbox_.Script("bad", {.output = {{provider::Stream::kStderr, "why\n\n"}}, .exit_code = 4});
  const RunEnd end =
      RunGraph(R"(a [script=bad]; start -> a; a -> exit [condition="outcome=succeeded"])");
  EXPECT_EQ(end.kind, RunEnd::Kind::kFailed);
  EXPECT_THAT(end.message, HasSubstr("command exited with code 4: why"));
}

TEST_F(LoopTest, ASuccessWithoutAWayOnFailsToo) {
  sandbox_.Script("ok", {});
  const RunEnd end =
      RunGraph(R"(a [script=ok]; start -> a; a -> exit [condition="outcome=failed"])");
  EXPECT_EQ(end.message, "no outgoing edge matched at node a");
}

TEST_F(LoopTest, ADryRunExecutesNothing) {
  dry_run_ = true;
  EXPECT_EQ(RunGraph("a [script=never]; start -> a -> exit").kind, RunEnd::Kind::kSucceeded);
  EXPECT_TRUE(sandbox_.Calls().empty());
}

TEST_F(LoopTest, ACancelBeforeTheFirstStageStartsNone) {
  cancelled_ = true;
  EXPECT_EQ(RunGraph("a [script=never]; start -> a -> exit").kind, RunEnd::Kind::kCancelled);
  EXPECT_TRUE(Completed().empty());
}

TEST_F(LoopTest, ACheckpointStandsForTheStateItWasMadeFrom) {
  sandbox_.Script("ok", {});
  RunGraph("a [script=ok]; start -> a -> exit");
  const RunState state = *Replay(store_);
  const auto last = **store_.Last("checkpoint.completed");
  RunState from;
  FromCheckpoint(*last.properties.Find("checkpoint"), from);
  EXPECT_EQ(from.completed_nodes, state.completed_nodes);
  EXPECT_EQ(from.node_visits, state.node_visits);
  EXPECT_EQ(from.node_outcomes, state.node_outcomes);
  // The checkpoint also has what the engine mirrors at each start (graph.*, internal.run_id).
  for (const auto& [key, value] : state.context) EXPECT_EQ(from.context[key], value) << key;
  EXPECT_EQ(from.phase, Phase::kFinished);
}

}  // namespace
}  // namespace fabro::workflow
