// Landlock as a layer: what nothing but it closes is closed, the same is open where it is hidden
// from us (the control), and what the sandbox is for still works.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "fabro/jail/testing/in_jail.h"
#include "fabro/jail/testing/poor_host.h"

namespace fabro::jail::testing {
namespace {

// "denied" or what it held. cat would do, but its words depend on the locale.
constexpr char kReadCanary[] =
    "import sys\n"
    "try: sys.stdout.write(open('/run/landlock-canary').read())\n"
    "except PermissionError: print('denied')\n";

// The errno of a terminal's request to a device that is none: ENOTTY by the device, EACCES by
// Landlock, which is asked first.
constexpr char kAskNull[] =
    "import fcntl, termios\n"
    "try: fcntl.ioctl(open('/dev/null'), termios.TCGETS)\n"
    "except OSError as e: print(e.errno)\n";

std::string Python(Jail& jail, const char* script) {
  const auto ran = RunIn(jail, Command({"/usr/bin/python3", "-c", script}));
  return ran ? ran->out + ran->err : ran.error().ToString();
}

model::SandboxSpec At(model::Level level) {
  model::SandboxSpec spec;
  spec.level = level;
  return spec;
}

class LandlockTest : public ::testing::TestWithParam<model::Level> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  }
};

TEST_P(LandlockTest, ClosesWhatNoOtherLayerCloses) {
  auto jail = MakeJail(At(GetParam()));
  ASSERT_TRUE(jail.ok()) << jail.error().ToString();
  ASSERT_GE(jail->info().landlock_abi, 2) << "this machine has too little for the test";
  EXPECT_TRUE(jail->info().degraded.empty());
  EXPECT_EQ(Python(*jail, kReadCanary), "denied\n");
  const bool has_ioctl = jail->info().landlock_abi >= 5;
  EXPECT_EQ(Python(*jail, kAskNull), has_ioctl ? "13\n" : "25\n");
}

TEST_P(LandlockTest, TheControlIsOpenWhereThereIsNone) {
  model::SandboxSpec spec = At(GetParam());
  spec.degrade = {"landlock"};
  const std::string seen = TextAfter(HideLandlock, [&]() -> std::string {
    auto jail = MakeJail(spec);
    if (!jail) return jail.error().ToString();
    std::string said = "abi " + std::to_string(jail->info().landlock_abi);
    for (const std::string& word : jail->info().degraded) said += " degraded " + word;
    return said + "\n" + Python(*jail, kReadCanary) + Python(*jail, kAskNull);
  });
  EXPECT_EQ(seen, "abi 0 degraded landlock\nWho can read this is not confined by Landlock.\n25\n");
}

TEST_P(LandlockTest, WhatASandboxIsForStillWorks) {
  auto jail = MakeJail(At(GetParam()));
  ASSERT_TRUE(jail.ok());
  const auto ran = RunIn(
      *jail,
      Shell("set -e\n"
            "cp /bin/true /work/t; /work/t\n"
            "mkdir -p /tmp/a /tmp/b; echo x >/tmp/a/f; mv /tmp/a/f /tmp/b/f; ln /tmp/b/f /tmp/b/g\n"
            "ln -s f /tmp/b/l; : >/tmp/b/f; rm -r /tmp/b\n"
            "cat /proc/self/comm /etc/hosts >/dev/null\n"
            "head -c 1 /dev/zero /dev/urandom /dev/random >/dev/null\n"
            "ls / /etc /run /dev /proc/self/fd >/dev/null\n"
            "echo y >/dev/shm/s; cat </dev/shm/s; echo z >/home/agent/h; echo all"));
  ASSERT_TRUE(ran.ok());
  EXPECT_EQ(ran->out, "y\nall\n") << ran->err;
}

// One domain a Jail, not one an Exec: else no command could end what another one left running.
TEST_P(LandlockTest, CommandsOfOneJailMaySignalEachOther) {
  auto jail = MakeJail(At(GetParam()));
  ASSERT_TRUE(jail.ok());
  model::ExecSpec server = Shell("sleep 100 </dev/null >/dev/null 2>&1 & echo $! >/tmp/pid");
  server.keep_background = true;
  ASSERT_EQ(RunIn(*jail, server)->outcome.exit_code, 0);
  const auto ended = RunIn(*jail, Shell("kill -0 $(cat /tmp/pid) && kill $(cat /tmp/pid)"));
  EXPECT_EQ(ended->outcome.exit_code, 0) << ended->err;
}

TEST_P(LandlockTest, BindsAreWhatTheyWereGivenAs) {
  model::SandboxSpec spec = At(GetParam());
  spec.binds = {{HostPath("/usr/share"), GuestPath("/src"), false}};
  auto jail = MakeJail(spec);
  ASSERT_TRUE(jail.ok()) << jail.error().ToString();
  EXPECT_EQ(RunIn(*jail, Shell("ls /src >/dev/null && echo seen"))->out, "seen\n");
}

TEST_P(LandlockTest, TerminalsWork) {
  model::SandboxSpec spec = At(GetParam());
  spec.tty = true;
  auto jail = MakeJail(spec);
  ASSERT_TRUE(jail.ok());
  model::ExecSpec command = Shell("stty size </dev/tty >/tmp/size; echo $? >>/tmp/size");
  command.tty = true;
  auto exec = jail->Start(command, {});
  ASSERT_TRUE(exec.ok()) << exec.error().ToString();
  const UniqueFd terminal = exec->TakeTerminal();
  EXPECT_EQ(exec->Wait()->exit_code, 0);
  EXPECT_EQ(RunIn(*jail, Shell("cat /tmp/size"))->out, "24 80\n0\n");
}

INSTANTIATE_TEST_SUITE_P(Levels, LandlockTest,
                         ::testing::Values(model::Level::kMedium, model::Level::kHigh),
                         [](const auto& param) {
                           return param.param == model::Level::kHigh ? "High" : "Medium";
                         });

TEST(LandlockRefusalTest, HighWithoutItIsRefusedUnlessItMayBeMissing) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const Error error = ErrorAfter(HideLandlock, []() -> Status {
    const auto jail = MakeJail(At(model::Level::kHigh));
    return jail ? Status() : jail.error();
  });
  EXPECT_EQ(error.reason, "isolation_unavailable") << error.ToString();
  EXPECT_EQ(error.sys_errno, ENOSYS);
  EXPECT_NE(error.message.find("Landlock"), std::string::npos) << error.ToString();
  EXPECT_NE(error.fix.find("--degrade landlock"), std::string::npos) << error.ToString();
}

}  // namespace
}  // namespace fabro::jail::testing
