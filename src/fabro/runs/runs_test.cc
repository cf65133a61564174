#include "fabro/runs/runs.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <string>

#include "fabro/linux/proc_info.h"
#include "fabro/linux/testing/child.h"
#include "fabro/runs/testing/run_fixture.h"
#include "fabro/store/inbox.h"
#include "fabro/store/run_lock.h"

namespace fabro::runs {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::KillAfter;

constexpr const char* kThreeSteps = R"(digraph T {
  graph [goal="say it"]
  node [shape=parallelogram]
  start [shape=Mdiamond]
  exit [shape=Msquare]
  one [script="echo one; echo oops >&2"]
  two [script="exit 3"]
  ask [shape=diamond]
  three [script="echo three > three.txt"]
  start -> one -> two -> ask
  ask -> three [condition="outcome=failed"]
  ask -> exit
  three -> exit
})";

class RunsTest : public testing::RunFixture {};

TEST_F(RunsTest, ARunGoesFromStartToExitWithItsEventsInOrder) {
  const RunRef run = MakeRun(SpecOf(kThreeSteps));
  const Status started = Start(run, Worker());
  ASSERT_TRUE(started.ok()) << started.error().ToString() << Log(run);
  const RunSummary summary = Ended(run);
  EXPECT_EQ(summary.status, RunStatus::kSucceeded) << summary.error << Log(run);
  EXPECT_FALSE(summary.live);
  EXPECT_EQ(ExitCodeOf(summary), 0);
  EXPECT_THAT(
      Names(Events(run)),
      ElementsAre("run.created", "run.started", "sandbox.initializing", "sandbox.ready",
                  "sandbox.initialized",  //
                  "stage.started", "stage.completed", "edge.selected", "checkpoint.completed",
                  "stage.started", "stage.completed", "edge.selected", "checkpoint.completed",
                  "stage.started", "stage.failed", "stage.completed", "edge.selected",
                  "checkpoint.completed",  //
                  "stage.started", "stage.completed", "edge.selected", "checkpoint.completed",
                  "stage.started", "stage.completed", "edge.selected", "checkpoint.completed",
                  "stage.started", "stage.completed", "checkpoint.completed",  //
                  "run.completed", "sandbox.cleanup.started", "sandbox.cleanup.completed"));
  EXPECT_EQ(*StageOutput(run, "one@1", "stdout"), "one\n");
  EXPECT_EQ(*StageOutput(run, "one@1", "stderr"), "oops\n");
  EXPECT_EQ(StageOutput(run, "nosuch@1", "stdout").error().reason, "stage_not_found");
  EXPECT_TRUE(ReadFile(Workspace() + "/three.txt").ok());
}

TEST_F(RunsTest, ProjectionsShowWhatTheStoreHolds) {
  const RunRef run = MakeRun(SpecOf(kThreeSteps));
  ASSERT_TRUE(Start(run, Worker()).ok());
  Ended(run);
  EXPECT_THAT(*ReadFile(run.dir + "/run.json"), HasSubstr("\"status\":\"succeeded\""));
  EXPECT_THAT(*ReadFile(run.dir + "/stages/002-two@1/status.json"),
              HasSubstr("command exited with code 3"));
  EXPECT_TRUE(ReadFile(run.dir + "/checkpoints/0006.json").ok());
  EXPECT_TRUE(ReadFile(run.dir + "/graph.fabro").ok());
  struct stat info{};
  ASSERT_EQ(::stat(run.dir.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
}

TEST_F(RunsTest, ACreatedRunIsFoundListedAndRemoved) {
  const RunRef run = MakeRun(SpecOf(kThreeSteps));
  EXPECT_EQ(Find(Storage(), run.id.value())->dir, run.dir);
  EXPECT_EQ(Find(Storage(), run.id.value().substr(0, 20))->dir, run.dir);
  EXPECT_EQ(Find(Storage(), "test")->dir, run.dir);
  EXPECT_EQ(Find(Storage(), "nosuch").error().reason, "run_not_found");
  const RunRef other = MakeRun(SpecOf(kThreeSteps));
  EXPECT_EQ(Find(Storage(), "0").error().reason, "run_ambiguous");
  const auto list = *List(Storage());
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].status, RunStatus::kSubmitted);
  ASSERT_TRUE(Remove(other, false).ok());
  EXPECT_EQ(List(Storage())->size(), 1U);
  EXPECT_EQ(Inspect(other).error().code, Code::kNotFound);
}

TEST_F(RunsTest, ACorruptStoreBreaksItsRunAlone) {
  const RunRef good = MakeRun(SpecOf(kThreeSteps));
  const RunRef bad = MakeRun(SpecOf(kThreeSteps));
  ASSERT_TRUE(WriteFile(bad.dir + "/run.db", "no database at all").ok());
  const auto list = *List(Storage());
  ASSERT_EQ(list.size(), 2U);
  EXPECT_TRUE(list[0].broken);
  EXPECT_THAT(list[0].error, HasSubstr("not a database"));
  EXPECT_FALSE(list[1].broken);
  EXPECT_FALSE(Start(bad, Worker()).ok());
  EXPECT_TRUE(Start(good, Worker()).ok());
  EXPECT_EQ(Ended(good).status, RunStatus::kSucceeded);
  EXPECT_TRUE(Remove(bad, false).ok());
}

TEST_F(RunsTest, ARunIsNotStartedTwiceNorResumedAfterItsSuccess) {
  const RunRef run = MakeRun(SpecOf(kThreeSteps));
  ASSERT_TRUE(Start(run, Worker()).ok());
  Ended(run);
  EXPECT_EQ(Start(run, Worker()).error().reason, "run_started");
  EXPECT_EQ(Resume(run, Worker()).error().reason, "run_finished");
}

TEST_F(RunsTest, OfTwoWorkersOneWorks) {
  const RunRef run = MakeRun(SpecOf(kThreeSteps));
  const auto held = store::RunLock::Acquire(run.dir);
  ASSERT_TRUE(held.ok());
  EXPECT_EQ(Start(run, Worker()).error().reason, "run_locked");
  EXPECT_EQ(Events(run).size(), 1U);
}

TEST_F(RunsTest, CancelEndsWhatRunsAndTheRun) {
  const RunRef run = MakeRun(SpecOf(R"(digraph T { start [shape=Mdiamond]; exit [shape=Msquare];
      long [shape=parallelogram, script="echo $$ > pid; echo ready; exec sleep 600"];
      start -> long -> exit })"));
  ASSERT_TRUE(Start(run, Worker()).ok());
  // The output of the stage is no event: follow its file through the sandbox's directory.
  const auto end = Follow(run, 0, -1, [](const model::Event& event) {
    return !(event.name == "stage.started" && event.node_id == "long");
  });
  ASSERT_EQ(*end, FollowEnd::kStopped);
  const Status cancelled = Cancel(run, "the test");
  ASSERT_TRUE(cancelled.ok()) << cancelled.error().ToString();
  const RunSummary summary = Ended(run);
  EXPECT_EQ(summary.status, RunStatus::kFailed);
  EXPECT_EQ(summary.detail, "cancelled");
  EXPECT_EQ(summary.stages.back().status, "cancelled");
  EXPECT_EQ(ExitCodeOf(summary), 3);
  EXPECT_TRUE(store::Inbox(run.dir).Pending()->empty());
  EXPECT_EQ(Cancel(run, "the test").error().reason, "run_finished");
}

TEST_F(RunsTest, ARunWithoutWorkerIsCancelledUnderItsLock) {
  const RunRef run = MakeRun(SpecOf(kThreeSteps));
  ASSERT_TRUE(Cancel(run, "the test").ok());
  const RunSummary summary = *Inspect(run);
  EXPECT_EQ(summary.status, RunStatus::kFailed);
  EXPECT_EQ(summary.detail, "cancelled");
}

TEST_F(RunsTest, SigtermPausesAtTheNextCommitPointAndResumeGoesOn) {
  const std::string fifo = dir_.path() + "/go";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const RunRef run = MakeRun(SpecOf(R"(digraph T { start [shape=Mdiamond]; exit [shape=Msquare];
      node [shape=parallelogram];
      one [script="cat )" + fifo + R"("]; two [script="echo two"];
      start -> one -> two -> exit })"));
  ASSERT_TRUE(Start(run, Worker()).ok());
  (void)*Follow(run, 0, -1, [](const model::Event& event) { return event.node_id != "one"; });
  const auto holder = *store::RunLockHolder(run.dir);
  ASSERT_TRUE(holder.has_value());
  ASSERT_EQ(::kill(holder->pid, SIGTERM), 0);
  // The worker has seen it once it answers that it pauses; then the stage may end.
  ASSERT_TRUE(Pause(run).ok());
  ASSERT_TRUE(WriteFile(fifo, "go\n").ok());
  RunSummary summary = Ended(run);
  EXPECT_EQ(summary.status, RunStatus::kPaused);
  EXPECT_EQ(summary.detail, "user");
  ASSERT_TRUE(Resume(run, Worker()).ok()) << Log(run);
  summary = Ended(run);
  EXPECT_EQ(summary.status, RunStatus::kSucceeded) << Log(run);
  EXPECT_EQ(*StageOutput(run, "one@1", "stdout"), "go\n");
}

TEST_F(RunsTest, AnInterruptedStageRunsAgainAndSaysSo) {
  const RunRef run = MakeRun(SpecOf(kThreeSteps));
  {
    const KillAfter kill(9);  // run.started … stage.started of `one`.
    ASSERT_TRUE(Start(run, Worker()).ok());
    RunSummary summary = Ended(run);
    EXPECT_EQ(summary.status, RunStatus::kRunning);
    EXPECT_FALSE(summary.live);
  }
  ASSERT_TRUE(Resume(run, Worker()).ok()) << Log(run);
  EXPECT_EQ(Ended(run).status, RunStatus::kSucceeded) << Log(run);
  const auto events = Events(run);
  const auto interrupted =
      std::find_if(events.begin(), events.end(),
                   [](const model::Event& event) { return event.name == "stage.interrupted"; });
  ASSERT_NE(interrupted, events.end());
  EXPECT_EQ(interrupted->stage_id, "one@1");
  EXPECT_EQ(interrupted->properties.StringAt("workspace"), "kept");
  const auto again = interrupted + 1;
  EXPECT_EQ(again->name, "stage.started");
  EXPECT_EQ(again->stage_id, "one@1");
  EXPECT_TRUE(again->properties.BoolAt("rerun"));
}

TEST_F(RunsTest, ThreeResumesThatBringNothingMakeARunDead) {
  const RunRef run = MakeRun(SpecOf(kThreeSteps));
  const KillAfter kill(1);
  ASSERT_TRUE(Start(run, Worker()).ok());
  EXPECT_EQ(Ended(run).status, RunStatus::kStarting);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(Resume(run, Worker()).ok());
    Ended(run);
  }
  EXPECT_EQ(Inspect(run)->status, RunStatus::kDead);
}

TEST_F(RunsTest, ASpentWallBudgetPausesAndARaiseContinues) {
  RunSpec spec = SpecOf(kThreeSteps);
  spec.wall_budget = Nanos(1);
  const RunRef run = MakeRun(spec);
  ASSERT_TRUE(Start(run, Worker()).ok());
  RunSummary summary = Ended(run);
  // A budget that small may still let the start pass: what counts is the pause.
  EXPECT_EQ(summary.status, RunStatus::kPaused);
  EXPECT_EQ(summary.detail, "budget");
  EXPECT_EQ(ExitCodeOf(summary), 1);
  ASSERT_TRUE(Resume(run, Worker(), std::chrono::hours(1)).ok());
  EXPECT_EQ(Ended(run).status, RunStatus::kSucceeded) << Log(run);
}

TEST_F(RunsTest, AFailingPrepareStepEndsTheRunBeforeItsFirstStage) {
  RunSpec spec = SpecOf(kThreeSteps);
  spec.prepare = {{.script = "echo fine", .command = {}, .env = {}},
                  {.script = "echo no such tool >&2; exit 4", .command = {}, .env = {}}};
  const RunRef run = MakeRun(spec);
  ASSERT_TRUE(Start(run, Worker()).ok());
  const RunSummary summary = Ended(run);
  EXPECT_EQ(summary.status, RunStatus::kFailed);
  EXPECT_EQ(summary.detail, "bootstrap_failed");
  EXPECT_THAT(summary.error, HasSubstr("no such tool"));
  EXPECT_TRUE(summary.stages.empty());
}

TEST_F(RunsTest, ArtifactsAreTakenFromTheStageThatMadeThem) {
  RunSpec spec = SpecOf(R"(digraph T { start [shape=Mdiamond]; exit [shape=Msquare];
      node [shape=parallelogram];
      one [script="mkdir -p out; echo a > out/a.log"]; two [script="echo b > out/b.log"];
      start -> one -> two -> exit })");
  spec.artifacts_include = {"out/*.log"};
  const RunRef run = MakeRun(spec);
  ASSERT_TRUE(Start(run, Worker()).ok());
  const RunSummary summary = Ended(run);
  EXPECT_THAT(summary.artifacts, ElementsAre("one@1/out/a.log", "two@1/out/b.log")) << Log(run);
  EXPECT_EQ(*ReadFile(run.dir + "/artifacts/two@1/out/b.log"), "b\n");
}

TEST_F(RunsTest, AWorkspaceThatNoRefHoldsIsSaved) {
  RunSpec spec = SpecOf(kThreeSteps);
  spec.environment = "owned";
  const RunRef run = MakeRun(spec);
  ASSERT_TRUE(Start(run, Worker()).ok());
  const RunSummary summary = Ended(run);
  ASSERT_EQ(summary.result, run.dir + "/result.tar.zst") << Log(run);
  // The magic number of zstd (RFC 8878).
  EXPECT_EQ(ReadFile(summary.result)->substr(0, 4), "\x28\xB5\x2F\xFD");
}

TEST_F(RunsTest, TheBundleComesBackAsItWas) {
  RunSpec spec = SpecOf(kThreeSteps);
  spec.inputs.Set("who", "me").Set("count", 3);
  spec.labels["team"] = "a";
  spec.prepare = {{.script = {}, .command = {"make", "deps"}, .env = {{"A", "b"}}}};
  spec.wall_budget = std::chrono::minutes(3);
  const RunRef run = MakeRun(spec);
  RunSpec read = *Spec(run);
  spec.id = run.id;
  spec.created_at = read.created_at;
  EXPECT_EQ(read, spec);
  EXPECT_EQ(DecodeSpec("{}").error().reason, "run_bundle_invalid");
}

}  // namespace
}  // namespace fabro::runs
