// The engine's loop with the real handlers, over the fake sandbox and a store in memory.
#include "fabro/workflow/handlers/testing/run_test.h"

namespace fabro::workflow {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using LoopTest = testing::RunTest;

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
  config_.dry_run = true;
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
  EXPECT_EQ(from.counters->Visits(), state.counters->Visits());
  EXPECT_EQ(from.node_outcomes, state.node_outcomes);
  // The checkpoint also has what the engine mirrors at each start (graph.*, internal.run_id).
  for (const auto& [key, value] : state.context) EXPECT_EQ(from.context[key], value) << key;
  EXPECT_EQ(from.phase, Phase::kFinished);
}

}  // namespace
}  // namespace fabro::workflow
