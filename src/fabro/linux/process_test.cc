#include "fabro/linux/process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include "fabro/linux/lifeline.h"
#include "fabro/linux/proc_info.h"
#include "fabro/linux/testing/child.h"

namespace fabro {
namespace {

using testing::StartChild;

TEST(ProcessTest, WaitReportsTheSignalThatEndedTheChild) {
  Process child = StartChild([] { ::pause(); });

  ASSERT_TRUE(child.Kill(SIGTERM));

  const ExitStatus expected{ExitStatus::Kind::kSignaled, SIGTERM};
  EXPECT_EQ(child.Wait().value(), expected);
  EXPECT_EQ(child.pid(), -1);
}

TEST(ProcessTest, WaitReportsTheExitCode) {
  Process child = StartChild([] { return 7; });

  const ExitStatus expected{ExitStatus::Kind::kExited, 7};
  EXPECT_EQ(child.Wait().value(), expected);
}

TEST(ProcessTest, DestructorLeavesNoChildBehind) {
  pid_t pid = -1;
  {
    Process child = StartChild([] { ::pause(); });
    pid = child.pid();
  }

  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST(ProcessTest, ThePidfdIsReadableOnceTheChildHasEnded) {
  Process child = StartChild([] {});

  EXPECT_EQ(PollOne(child.pidfd(), POLLIN).value(), POLLIN);
}

TEST(UniqueFdTest, ClosingKeepsErrno) {
  UniqueFd fd(::dup(0));
  UniqueFd bad(1 << 20);
  errno = EXDEV;
  bad.reset();
  EXPECT_EQ(errno, EXDEV);

  const int number = fd.get();
  fd = UniqueFd();
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
}

TEST(ProcessIdentityTest, ALivingProcessIsAliveUntilItEnds) {
  Process child = StartChild([] { ::pause(); });
  const ProcessIdentity identity = IdentifyProcess(child.pid()).value();
  EXPECT_TRUE(IsAlive(identity).value());

  ASSERT_TRUE(child.Kill(SIGKILL));
  ASSERT_TRUE(PollOne(child.pidfd(), POLLIN));

  EXPECT_FALSE(IsAlive(identity).value()) << "a zombie is dead";
  ASSERT_TRUE(child.Wait());
  EXPECT_FALSE(IsAlive(identity).value());
}

TEST(ProcessIdentityTest, AnotherProcessWithTheSamePidIsAnother) {
  ProcessIdentity self = IdentifySelf().value();
  self.start_time += 1;
  EXPECT_FALSE(IsAlive(self).value());
}

TEST(ProcessIdentityTest, TextFormGoesBothWays) {
  const ProcessIdentity self = IdentifySelf().value();
  EXPECT_EQ(ParseProcessIdentity(ToString(self)).value(), self);
  for (const char* text : {"", "1", "1:", ":1", "0:1", "-1:5", "1:2x", "1:2:3"}) {
    EXPECT_FALSE(ParseProcessIdentity(text)) << text;
  }
}

TEST(ProcessIdentityTest, BootIdIsAUuid) { EXPECT_EQ(BootId().value().size(), 36U); }

TEST(LifelineTest, TheWatcherHangsUpWhenTheOwnerIsKilled) {
  Lifeline lifeline = MakeLifeline().value();
  Process owner = StartChild([] { ::pause(); });
  lifeline.owner.reset();
  EXPECT_FALSE(OwnerIsGone(lifeline.watcher.get()).value());

  ASSERT_TRUE(owner.Kill(SIGKILL));

  EXPECT_EQ(PollOne(lifeline.watcher.get(), POLLIN).value(), POLLHUP);
  EXPECT_TRUE(OwnerIsGone(lifeline.watcher.get()).value());
}

TEST(PollTest, ReturnsZeroAtTheDeadline) {
  const Lifeline quiet = MakeLifeline().value();
  const auto deadline = std::chrono::steady_clock::now();
  EXPECT_EQ(PollOne(quiet.watcher.get(), POLLIN, deadline).value(), 0);
}

}  // namespace
}  // namespace fabro
