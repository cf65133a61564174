// The life of a sandbox: stopped, crashed, lost, swept, and at its limits.
#include <gmock/gmock.h>
#include <unistd.h>

#include <csignal>

#include "fabro/provider/namespace/namespace_test.h"

namespace fabro::provider {
namespace {

using ::testing::HasSubstr;

TEST_F(NamespaceTest, AStoppedSandboxIsTakenUpWithItsFilesAndWithoutItsProcesses) {
  MustStart(Config());
  Shell("echo kept > file; mkdir ~/dir; echo $$; sleep 1000 >/dev/null 2>&1 & true");
  ASSERT_TRUE(sandbox_->Stop().ok());
  EXPECT_THAT(Marks(), HasSubstr("\"state\":\"stopped\""));

  MustStart(Config());

  EXPECT_EQ(Shell("cat file; ls ~; pgrep sleep").out, "kept\ndir\n");
}

TEST_F(NamespaceTest, AfterACrashTheTreeIsTakenUpAgain) {
  MakeRepository();
  MustStart(Config());
  Shell("echo kept > file");
  const Marker marker = LoadMarker(SandboxDir(storage_, kRun)).value();
  ASSERT_TRUE(InitIsAlive(marker).value());
  ASSERT_EQ(::kill(marker.init.pid, SIGKILL), 0);
  ExecRequest request;
  request.command = "true";
  EXPECT_FALSE(sandbox_->Exec(request).ok()) << "a dead sandbox never succeeds";

  MustStart(Config());

  EXPECT_EQ(Shell("cat file a.txt").out, "kept\ncommitted\n");
}

TEST_F(NamespaceTest, ASandboxInUseIsNotTakenOver) {
  MustStart(Config());
  const auto other = MakeNamespaceSandbox(Config());

  const Status second = other->Initialize();

  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().reason, "sandbox_in_use");
  EXPECT_EQ(Shell("echo alive").out, "alive\n");
}

TEST_F(NamespaceTest, LeftoversAreKilledAndTheTreeStays) {
  MustStart(Config());
  Shell("echo kept > file");
  const Marker marker = LoadMarker(SandboxDir(storage_, kRun)).value();

  EXPECT_TRUE(KillNamespaceLeftovers(storage_, kRun).value());

  EXPECT_FALSE(InitIsAlive(marker).value());
  EXPECT_FALSE(KillNamespaceLeftovers(storage_, kRun).value());
  MustStart(Config());
  EXPECT_EQ(Shell("cat file").out, "kept\n");
}

TEST_F(NamespaceTest, TheJanitorTouchesOnlyWhatCarriesOurMark) {
  MustStart(Config());
  const std::string foreign = storage_ + "/sandboxes/ns-foreign";
  ASSERT_TRUE(MakeDirs(foreign).ok());
  ASSERT_TRUE(WriteFile(foreign + "/precious", "x").ok());

  const auto reports = SweepNamespaceSandboxes(storage_, [](const std::string&) {
                         return SandboxFate::kUnknownRun;
                       }).value();

  ASSERT_EQ(reports.size(), 1U);
  EXPECT_EQ(reports[0].run_id, kRun);
  EXPECT_THAT(reports[0].action, HasSubstr("younger"));
  EXPECT_TRUE(ReadFile(foreign + "/precious").ok());
  const auto removed = SweepNamespaceSandboxes(storage_, [](const std::string&) {
                         return SandboxFate::kRemove;
                       }).value();
  EXPECT_EQ(removed[0].action, "removed");
  EXPECT_NE(::access(SandboxDir(storage_, kRun).c_str(), F_OK), 0);
}

TEST_F(NamespaceTest, ADirectoryThatIsNotOursIsRefused) {
  const std::string directory = SandboxDir(storage_, kRun);
  ASSERT_TRUE(MakeDirs(directory).ok());
  ASSERT_TRUE(WriteFile(directory + "/precious", "x").ok());

  EXPECT_EQ(Start(Config()).error().reason, "sandbox_not_ours");
  EXPECT_EQ(DestroyNamespaceSandbox(storage_, kRun).error().reason, "sandbox_not_ours");

  ASSERT_TRUE(RemoveTree(directory).ok());
}

TEST_F(NamespaceTest, AFailedInitializeLeavesNothing) {
  NamespaceConfig config = Config();
  config.root.kind = model::RootSource::Kind::kDir;
  config.root.dir = HostPath("/nonexistent/root");

  const Status started = Start(config);

  ASSERT_FALSE(started.ok());
  EXPECT_NE(::access(SandboxDir(storage_, kRun).c_str(), F_OK), 0);
}

TEST_F(NamespaceTest, OutOfMemoryIs137AndTheSandboxLives) {
  NamespaceConfig config = Config();
  config.limits.memory = 128_MiB;
  MustStart(config);

  const BufferedResult done = Shell("head -c 1G /dev/zero | tail -c 900M | wc -c");
  const BufferedResult after = Shell("echo alive");

  EXPECT_EQ(done.result.limit, "out_of_memory");
  EXPECT_EQ(done.result.exit_code, 137);
  EXPECT_THAT(done.err,
              HasSubstr("fabro: out of memory: oom_killed at the limit of 128MiB; raise "));
  EXPECT_EQ(after.out, "alive\n");
}

TEST_F(NamespaceTest, AViolationIs159AndTheLastLineNamesTheCall) {
  MustStart(Config());

  // init_module(2), which no program in a sandbox has a reason to call.
  const BufferedResult done = Shell("perl -e 'syscall(175, 0, 0, 0)'; echo after");

  EXPECT_EQ(done.result.exit_code, 159);
  EXPECT_EQ(done.result.limit, "policy_violation");
  EXPECT_THAT(done.err, HasSubstr("fabro: policy violation: init_module"));
}

}  // namespace
}  // namespace fabro::provider
