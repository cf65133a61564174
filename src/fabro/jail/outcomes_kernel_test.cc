// How commands end, and what the outcome says about it: one test a fate of isolation.md 13.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>

#include "fabro/jail/testing/in_jail.h"

namespace fabro::jail::testing {
namespace {

using model::Fate;
using namespace std::chrono_literals;

std::string Words(const model::Outcome& outcome) {
  std::string words(ToString(outcome.fate));
  words += " exit " + std::to_string(outcome.exit_code) + " signal " +
           std::to_string(outcome.signal) + " " + outcome.message;
  for (const auto& violation : outcome.violations) words += " [" + violation.call + "]";
  return words;
}

// One Jail for commands that leave nothing behind.
class OutcomeTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto made = MakeJail({});
    ASSERT_TRUE(made.ok()) << made.error().ToString();
    jail_ = new Jail(*std::move(made));
  }
  static void TearDownTestSuite() {
    ASSERT_TRUE(jail_->Stop().ok());
    delete jail_;
  }
  static Ran Do(const model::ExecSpec& spec, RelayOptions options = {}) {
    auto ran = RunIn(*jail_, spec, options);
    EXPECT_TRUE(ran.ok()) << ran.error().ToString();
    return ran.ok() ? *std::move(ran) : Ran{};
  }
  static Jail* jail_;
};
Jail* OutcomeTest::jail_ = nullptr;

TEST_F(OutcomeTest, OutputAndExitCodeComeBack) {
  const Ran ran = Do(Shell("echo out; echo err >&2; exit 7"));
  EXPECT_EQ(ran.outcome.fate, Fate::kExited) << Words(ran.outcome);
  EXPECT_EQ(ran.outcome.exit_code, 7);
  EXPECT_EQ(ran.out, "out\n");
  EXPECT_EQ(ran.err, "err\n");
  EXPECT_GT(ran.outcome.usage.wall_time.count(), 0);
  EXPECT_TRUE(ran.outcome.cleanup_succeeded);
}

TEST_F(OutcomeTest, SignalsAreNamed) {
  const Ran ran = Do(Shell("kill -SEGV $$"));
  EXPECT_EQ(ran.outcome.fate, Fate::kSignaled) << Words(ran.outcome);
  EXPECT_EQ(ran.outcome.signal, SIGSEGV);
}

TEST_F(OutcomeTest, WhatCannotBeExecutedSaysWhy) {
  struct Case {
    std::string program;
    int sys_errno;
    int exit_code;
  };
  for (const Case& each : {Case{"/no/such", ENOENT, 127}, Case{"no-such-name", ENOENT, 127},
                           Case{"/etc/passwd", EACCES, 126}, Case{"/usr", EACCES, 126}}) {
    const Ran ran = Do(Command({each.program}));
    EXPECT_EQ(ran.outcome.fate, Fate::kNotExecuted) << each.program << Words(ran.outcome);
    EXPECT_EQ(ran.outcome.sys_errno, each.sys_errno) << each.program;
    EXPECT_EQ(model::ExitCodeOf(ran.outcome), each.exit_code);
    EXPECT_NE(ran.outcome.message.find(each.program), std::string::npos) << ran.outcome.message;
  }
}

TEST_F(OutcomeTest, AMissingDirectoryIsNotExecuted) {
  model::ExecSpec spec = Shell("true");
  spec.cwd = GuestPath("/nowhere");
  EXPECT_EQ(Do(spec).outcome.fate, Fate::kNotExecuted);
}

TEST_F(OutcomeTest, MemoryAboveTheLimitIsOutOfMemory) {
  model::ExecSpec spec =
      Command({"/usr/bin/python3", "-c", "x = bytearray(200 << 20); print(len(x))"});
  spec.limits.memory = 64_MiB;
  const Ran ran = Do(spec);
  EXPECT_EQ(ran.outcome.fate, Fate::kOutOfMemory) << Words(ran.outcome) << ran.err;
  ASSERT_TRUE(ran.outcome.usage.memory_peak.has_value());
  EXPECT_LE(*ran.outcome.usage.memory_peak, 64_MiB);
}

TEST_F(OutcomeTest, CpuTimeIsSummedOverAllProcesses) {
  model::ExecSpec spec = Shell("while :; do :; done & while :; do :; done & while :; do :; done");
  spec.limits.cpu_time = 300ms;
  const Ran ran = Do(spec);
  EXPECT_EQ(ran.outcome.fate, Fate::kCpuTimeLimit) << Words(ran.outcome);
  EXPECT_GE(ran.outcome.usage.cpu_time, 300ms);
}

TEST_F(OutcomeTest, WallTimeEndsGrandchildrenInSessionsOfTheirOwn) {
  model::ExecSpec spec = Shell("setsid setsid sleep 1000 & setsid sleep 1000 & sleep 1000");
  spec.limits.wall_time = 200ms;
  const Ran ran = Do(spec);
  EXPECT_EQ(ran.outcome.fate, Fate::kTimedOut) << Words(ran.outcome);
  EXPECT_TRUE(ran.outcome.cleanup_succeeded);
  // Zombies that init has not reaped yet aside.
  EXPECT_EQ(Do(Shell("cat /proc/[0-9]*/stat 2>/dev/null | grep '(sleep)' | grep -vc ' Z '")).out,
            "0\n");
}

TEST_F(OutcomeTest, TasksAboveTheLimitFailTheCommand) {
  model::ExecSpec spec = Shell("for i in 1 2 3 4 5 6 7 8; do sleep 5 & done; exit 3");
  spec.limits.pids = 4;
  const Ran ran = Do(spec);
  EXPECT_EQ(ran.outcome.fate, Fate::kPidsLimit) << Words(ran.outcome);
  EXPECT_TRUE(ran.outcome.pids_limit_hit);
}

TEST_F(OutcomeTest, OutputIsCutAtTheLimitAndEndsTheCommand) {
  model::ExecSpec spec = Shell("exec /usr/bin/yes");
  spec.limits.output = ByteSize(100'000);
  const Ran ran = Do(spec);
  EXPECT_EQ(ran.outcome.fate, Fate::kOutputLimit) << Words(ran.outcome);
  EXPECT_EQ(ran.out.size(), 100'000U);
}

TEST_F(OutcomeTest, OpenFilesAreLimited) {
  model::ExecSpec spec = Command({"/usr/bin/python3", "-c",
                                  "import os\ntry:\n  while True: fd = os.dup(0)\n"
                                  "except OSError as e: print(fd, e.errno)"});
  spec.limits.open_files = 20;
  EXPECT_EQ(Do(spec).out, "19 24\n");  // EMFILE after the last one below the limit.
}

TEST_F(OutcomeTest, AForbiddenCallOfAGrandchildIsTheOutcome) {
  const Ran ran = Do(Shell("(mount -t tmpfs x /tmp); exit 0"));
  EXPECT_EQ(ran.outcome.fate, Fate::kPolicyViolation) << Words(ran.outcome);
  ASSERT_FALSE(ran.outcome.violations.empty());
  EXPECT_TRUE(ran.outcome.violations[0].killed);
  EXPECT_EQ(ran.outcome.violations[0].comm, "mount");
}

TEST_F(OutcomeTest, ADeniedCallThatIsOnlyReportedLetsTheCommandGoOn) {
  const Ran ran = Do(Shell("unshare -U true 2>/dev/null; echo on"));
  EXPECT_EQ(ran.outcome.fate, Fate::kExited) << Words(ran.outcome);
  EXPECT_EQ(ran.out, "on\n");
  ASSERT_EQ(ran.outcome.violations.size(), 1U);
  EXPECT_EQ(ran.outcome.violations[0].syscall, "unshare");
  EXPECT_FALSE(ran.outcome.violations[0].killed);
}

TEST_F(OutcomeTest, AtMost64ViolationsAreKeptAndAllAreCounted) {
  const Ran ran = Do(Command({"/usr/bin/python3", "-c",
                              "import ctypes\nlibc = ctypes.CDLL(None)\n"
                              "for i in range(200): libc.unshare(0x10000000)"}));
  EXPECT_EQ(ran.outcome.fate, Fate::kExited) << Words(ran.outcome) << ran.err;
  EXPECT_EQ(ran.outcome.violations.size(), 64U);
  EXPECT_EQ(ran.outcome.violations_dropped, 136U);
}

TEST_F(OutcomeTest, TimeoutOfOneLeavesItsNeighbourAlone) {
  Ran neighbour;
  std::thread other([&] { neighbour = Do(Shell("read line; echo done")); });
  model::ExecSpec spec = Shell("sleep 1000");
  spec.limits.wall_time = 100ms;
  const Ran ran = Do(spec);
  other.join();
  EXPECT_EQ(ran.outcome.fate, Fate::kTimedOut);
  EXPECT_EQ(neighbour.outcome.fate, Fate::kExited) << Words(neighbour.outcome);
  EXPECT_EQ(neighbour.out, "done\n");
}

TEST_F(OutcomeTest, HangUpOfTheChannelCancels) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd read_end(ends[0]);
  {
    GuestStdio stdio;
    stdio.in = UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    stdio.err = UniqueFd(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    stdio.out = UniqueFd(ends[1]);
    auto exec = jail_->Start(Shell("echo up; sleep 1000"), std::move(stdio));
    ASSERT_TRUE(exec.ok()) << exec.error().ToString();
    char byte = 0;
    ASSERT_EQ(::read(read_end.get(), &byte, 1), 1);
  }
  // Our copy of the write end went with `stdio`: the pipe ends when its last holder is dead.
  char rest[64];
  ssize_t got = 0;
  while ((got = ::read(read_end.get(), rest, sizeof(rest))) > 0) {
  }
  EXPECT_EQ(got, 0);
}

TEST_F(OutcomeTest, StreamsThatCouldLeadOutAreRefused) {
  for (const char* path : {"/etc/hostname", "/", "/dev/zero"}) {
    GuestStdio stdio;
    stdio.in = UniqueFd(::open(path, O_RDONLY | O_CLOEXEC));
    stdio.out = UniqueFd(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    stdio.err = UniqueFd(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    const auto exec = jail_->Start(Shell("true"), std::move(stdio));
    ASSERT_FALSE(exec.ok()) << path;
    EXPECT_NE(exec.error().message.find("stdin"), std::string::npos);
  }
}

TEST(KeepBackgroundTest, WhatALeaderLeavesBehindLivesOnUntilStop) {
  auto jail = MakeJail({});
  ASSERT_TRUE(jail.ok()) << jail.error().ToString();
  model::ExecSpec spec = Shell("setsid sleep 1000 >/dev/null 2>&1 & echo started");
  spec.keep_background = true;
  ASSERT_EQ(RunIn(*jail, spec)->out, "started\n");
  EXPECT_EQ(RunIn(*jail, Shell("grep -l ^sleep /proc/[0-9]*/comm | wc -l"))->out, "1\n");
  EXPECT_TRUE(jail->Stop().ok());
}

TEST(SandboxLimitTest, MemoryOfTheWholeSandboxIsTheGuestsOwnLimit) {
  model::SandboxSpec sandbox;
  sandbox.limits.memory = 64_MiB;
  const Ran ran = RunOnce(sandbox, Command({"/usr/bin/python3", "-c", "x = bytearray(200 << 20)"}));
  EXPECT_EQ(ran.outcome.fate, Fate::kOutOfMemory) << Words(ran.outcome);
}

TEST(StopTest, ACommandInFlightIsCancelled) {
  auto jail = MakeJail({});
  ASSERT_TRUE(jail.ok()) << jail.error().ToString();
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd read_end(ends[0]);
  GuestStdio stdio;
  stdio.in = UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  stdio.err = UniqueFd(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  stdio.out = UniqueFd(ends[1]);
  auto exec = jail->Start(Shell("echo up; sleep 1000"), std::move(stdio));
  ASSERT_TRUE(exec.ok());
  char byte = 0;
  ASSERT_EQ(::read(read_end.get(), &byte, 1), 1);
  EXPECT_TRUE(jail->Stop().ok());
  EXPECT_EQ(exec->Wait()->fate, Fate::kCancelled);
}

}  // namespace
}  // namespace fabro::jail::testing
