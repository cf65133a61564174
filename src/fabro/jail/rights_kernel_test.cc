// Capabilities that a guest was given: they work, over what is its own alone, and no others can be
// had. Clocks that begin where they were told to.
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "fabro/jail/files.h"
#include "fabro/jail/testing/in_jail.h"

namespace fabro::jail::testing {
namespace {

class RightsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  }
};

std::string Python(Jail& jail, const std::string& script) {
  const auto ran = RunIn(jail, Command({"/usr/bin/python3", "-c", script}));
  return ran ? ran->out + ran->err : ran.error().ToString();
}

model::SandboxSpec With(std::vector<std::string> capabilities) {
  model::SandboxSpec spec;
  spec.capabilities = std::move(capabilities);
  return spec;
}

constexpr char kSets[] = "grep ^Cap /proc/self/status | cut -f2 | uniq";

TEST_F(RightsTest, AllFiveSetsHaveWhatWasGivenAlone) {
  auto jail = MakeJail(With({"CAP_CHOWN", "CAP_SYS_CHROOT"}));
  ASSERT_TRUE(jail.ok()) << jail.error().ToString();
  EXPECT_EQ(RunIn(*jail, Shell(kSets))->out, "0000000000040001\n");
  // Over more than one execve, and in the next command as in the first.
  EXPECT_EQ(RunIn(*jail, Shell("exec sh -c '" + std::string(kSets) + "'"))->out,
            "0000000000040001\n");
}

TEST_F(RightsTest, WhatWasGivenWorks) {
  auto jail = MakeJail(With({"CAP_CHOWN", "CAP_SYS_CHROOT", "CAP_NET_BIND_SERVICE"}));
  ASSERT_TRUE(jail.ok());
  EXPECT_EQ(Python(*jail,
                   "import os, socket\n"
                   "open('f', 'w'); os.chown('f', 0, 0); print(os.stat('f').st_uid)\n"
                   "socket.socket().bind(('127.0.0.1', 80)); print('bound')\n"
                   "os.mkdir('new'); os.chroot('new'); print(os.listdir('/'))\n"),
            "0\nbound\n[]\n");
}

// The control: a sandbox without them says no to each.
TEST_F(RightsTest, WithoutThemTheSameIsRefused) {
  auto jail = MakeJail(With({}));
  ASSERT_TRUE(jail.ok());
  EXPECT_EQ(Python(*jail,
                   "import os, socket\n"
                   "def tried(f):\n"
                   "  try: f()\n"
                   "  except PermissionError: print('EPERM')\n"
                   "open('f', 'w'); tried(lambda: os.chown('f', 0, 0))\n"
                   "tried(lambda: socket.socket().bind(('127.0.0.1', 80)))\n"),
            "EPERM\nEPERM\n");
  const auto changed = RunIn(*jail, Command({"/usr/sbin/chroot", "/tmp", "/bin/true"}));
  ASSERT_TRUE(changed.ok());
  EXPECT_EQ(changed->outcome.fate, model::Fate::kPolicyViolation);
}

TEST_F(RightsTest, OthersCannotBeHad) {
  auto jail = MakeJail(With({"CAP_CHOWN", "CAP_KILL", "CAP_DAC_OVERRIDE", "CAP_FOWNER"}));
  ASSERT_TRUE(jail.ok());
  EXPECT_EQ(Python(*jail,
                   "import ctypes, os\n"
                   "c = ctypes.CDLL(None, use_errno=True)\n"
                   "def say(what, r): print(what, r, ctypes.get_errno())\n"
                   "say('ambient', c.prctl(47, 2, 21, 0, 0))\n"    // PR_CAP_AMBIENT_RAISE
                   "say('securebits', c.prctl(28, 0, 0, 0, 0))\n"  // PR_SET_SECUREBITS
                   "def tried(what, f):\n"
                   "  try: f(); print(what, 'done')\n"
                   "  except OSError as e: print(what, e.errno)\n"
                   // Rights of the machine's root would read and write these.
                   "tried('root', lambda: open('/new', 'w'))\n"
                   "tried('usr', lambda: open('/usr/new', 'w'))\n"
                   "tried('init', lambda: open('/proc/1/mem', 'rb'))\n"
                   "tried('score', lambda: open('/proc/1/oom_score_adj', 'w'))\n"
                   "os.kill(1, 9); os.kill(1, 19); print('init lives')\n"),
            "ambient -1 1\nsecurebits -1 22\nroot 30\nusr 30\ninit 1\nscore 1\ninit lives\n");
  EXPECT_EQ(RunIn(*jail, Shell("echo still here"))->out, "still here\n");
}

TEST_F(RightsTest, TheFileHelperHasNone) {
  auto jail = MakeJail(With({"CAP_DAC_OVERRIDE"}));
  ASSERT_TRUE(jail.ok());
  ASSERT_TRUE(RunIn(*jail, Shell("mkdir d && echo kept >d/f && chmod 0 d")).ok());
  EXPECT_EQ(RunIn(*jail, Shell("cat d/f"))->out, "kept\n");
  EXPECT_FALSE(ListFiles(*jail, "/work/d", 0, 100).ok());
  EXPECT_TRUE(ListFiles(*jail, "/work", 0, 100).ok());
}

// A slot keeps its bounding set: a sandbox with other rights has another one.
TEST_F(RightsTest, NoOtherSandboxGetsThem) {
  for (const auto& list : {std::vector<std::string>{"CAP_CHOWN"}, {}, {"CAP_FOWNER"}}) {
    auto jail = MakeJail(With(list));
    ASSERT_TRUE(jail.ok());
    EXPECT_EQ(RunIn(*jail, Shell(kSets))->out, list.empty()             ? "0000000000000000\n"
                                               : list[0] == "CAP_CHOWN" ? "0000000000000001\n"
                                                                        : "0000000000000008\n");
  }
}

TEST_F(RightsTest, ClocksBeginWhereTheyWereToldTo) {
  model::SandboxSpec spec;
  spec.monotonic_start = std::chrono::hours(5);
  spec.boottime_start = std::chrono::hours(7);
  auto jail = MakeJail(spec);
  ASSERT_TRUE(jail.ok()) << jail.error().ToString();
  EXPECT_EQ(Python(*jail,
                   "import time\n"
                   "print(int(time.clock_gettime(time.CLOCK_MONOTONIC) // 3600),\n"
                   "      int(time.clock_gettime(time.CLOCK_BOOTTIME) // 3600))\n"),
            "5 7\n");
}

}  // namespace
}  // namespace fabro::jail::testing
