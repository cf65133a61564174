// Pulling the plug: what SIGKILL, SIGHUP and SIGINT leave of a run.
#include "fixture.h"

namespace fabro::e2e {
namespace {

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A stage that says that it runs and then waits for the file `go`.
std::string Waits(const std::string& name) {
  return "touch " + name +
         ".runs; while [ ! -e go ]; do read -t 0.05 <> <(:) || true; done; echo " + name +
         " >> log.txt";
}

TEST_F(FabroTest, AKilledWorkerIsResumedAsIfNothingHadHappened) {
  Write("flow.fabro", Chain({{"one", "echo one >> log.txt"},
                             {"two", Waits("two")},
                             {"three", "echo three >> log.txt"}}));
  const std::string id = Detached({"flow.fabro", "--environment", "local"});
  AwaitFile(work() + "/two.runs");
  const pid_t worker = WorkerOf(id);
  ASSERT_GT(worker, 0);
  ASSERT_EQ(::kill(worker, SIGKILL), 0);
  // What the dead worker left running is ended by the resume, so `go` comes when the stage runs
  // anew.
  ASSERT_EQ(Shell("rm two.runs").code, 0);
  EXPECT_EQ(Fabro({"resume", "-d", id}).code, 0);
  AwaitFile(work() + "/two.runs");
  ASSERT_EQ(Shell("touch go").code, 0);
  const Output resumed = Fabro({"attach", id});
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_TRUE(Has(resumed.err, "interrupted")) << resumed.err;
  EXPECT_TRUE(Has(Shell("cat log.txt").out, "one\ntwo\nthree\n")) << Shell("cat log.txt").out;
  EXPECT_EQ(Shell("grep -c one log.txt").out, "1\n");
  EXPECT_EQ(Fabro({"resume", id}).code, 1);
}

TEST_F(FabroTest, AClientThatDiesTakesNoRunWithIt) {
  Write("flow.fabro", Chain({{"one", Waits("one")}, {"two", "echo two >> log.txt"}}));
  Result<Process> client = Spawn(Request({"run", "flow.fabro", "--environment", "local"}));
  ASSERT_TRUE(client.ok());
  AwaitFile(work() + "/one.runs");
  ASSERT_TRUE(client->Kill(SIGKILL).ok());
  ASSERT_TRUE(client->Wait().ok());
  const Output ps = Fabro({"ps", "-q"});
  const std::string id = ps.out.substr(0, ps.out.find('\n'));
  ASSERT_FALSE(id.empty());
  const Output live = Fabro({"resume", id});
  EXPECT_NE(live.code, 0);
  EXPECT_TRUE(Has(live.err, "attach")) << live.err;
  ASSERT_EQ(Shell("touch go").code, 0);
  EXPECT_EQ(Fabro({"attach", id}).code, 0);
  EXPECT_EQ(Shell("cat log.txt").out, "one\ntwo\n");
}

TEST_F(FabroTest, InterruptCancelsTheRun) {
  Write("flow.fabro", Chain({{"one", Waits("one")}}));
  Result<Process> client = Spawn(Request({"run", "flow.fabro", "--environment", "local"}));
  ASSERT_TRUE(client.ok());
  AwaitFile(work() + "/one.runs");
  ASSERT_TRUE(client->Kill(SIGINT).ok());
  EXPECT_EQ(client->Wait().value(), (ExitStatus{ExitStatus::Kind::kExited, 3}));
  const Output ps = Fabro({"ps", "-a"});
  EXPECT_TRUE(Has(ps.out, "failed")) << ps.out;
}

TEST_F(FabroTest, CancelEndsARunFromOutside) {
  Write("flow.fabro", Chain({{"one", Waits("one")}}));
  const std::string id = Detached({"flow.fabro", "--environment", "local"});
  AwaitFile(work() + "/one.runs");
  EXPECT_EQ(Fabro({"cancel", id}).code, 0);
  EXPECT_EQ(Fabro({"wait", id}).code, 3);
  EXPECT_NE(Fabro({"cancel", id}).code, 0);
}

TEST_F(FabroTest, OnlyOneOfTwoResumesWorksOnARun) {
  Write("flow.fabro", Chain({{"one", Waits("one")}}));
  const std::string id = Detached({"flow.fabro", "--environment", "local"});
  AwaitFile(work() + "/one.runs");
  ASSERT_EQ(::kill(WorkerOf(id), SIGKILL), 0);
  ASSERT_EQ(Shell("rm one.runs").code, 0);
  const Output both = Shell("$FABRO resume -d " + id + " & a=$!; $FABRO resume -d " + id +
                            " & b=$!; wait $a; x=$?; wait $b; y=$?; echo $((x + y))");
  AwaitFile(work() + "/one.runs");
  ASSERT_EQ(Shell("touch go").code, 0);
  EXPECT_NE(both.out.substr(both.out.rfind('\n', both.out.size() - 2) + 1), "0\n")
      << both.out << both.err;
  EXPECT_EQ(Fabro({"wait", id}).code, 0);
  EXPECT_EQ(Shell("cat log.txt").out, "one\n");
}

TEST_F(FabroTest, WaitGivesUpAfterItsTimeout) {
  Write("flow.fabro", Chain({{"one", Waits("one")}}));
  const std::string id = Detached({"flow.fabro", "--environment", "local"});
  EXPECT_EQ(Fabro({"wait", id, "--timeout", "1"}).code, 124);
  EXPECT_EQ(Fabro({"rm", id}).code, 1);
  EXPECT_EQ(Fabro({"rm", "-f", id}).code, 0);
}

}  // namespace
}  // namespace fabro::e2e
