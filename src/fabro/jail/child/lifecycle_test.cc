// The guest's side from start to end: what dies with what, what one Jail leaves for the next, which
// step is named when one fails.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/mount.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "fabro/base/check.h"
#include "fabro/jail/child/testing/small_jailer.h"
#include "fabro/linux/file.h"
#include "fabro/linux/poll.h"
#include "fabro/linux/scoped_dir.h"

namespace fabro::jail {
namespace {

using testing::DefaultJail;
using testing::ExecRequest;
using testing::ReceiveWire;
using testing::RunExec;
using testing::RunShell;
using testing::SetPlaces;
using testing::Slot;
using testing::SpawnJail;
using testing::StartedExec;
using testing::StartExec;
using testing::TestJail;
using wire::Step;
using wire::Type;

Deadline Patience() { return std::chrono::steady_clock::now() + std::chrono::seconds(10); }

// Nobody holds the other end any more, in whatever process that was.
bool HangsUp(int fd) {
  for (const Deadline deadline = Patience();;) {
    auto events = PollOne(fd, POLLIN | POLLHUP, deadline);
    if (!events.ok() || *events == 0) return false;
    if ((*events & POLLHUP) != 0) return true;
    char drop[4096];
    if (::read(fd, drop, sizeof(drop)) <= 0) return true;
  }
}

bool Ends(int pidfd) {
  auto events = PollOne(pidfd, POLLIN, Patience());
  return events.ok() && *events != 0;
}

// Some time of the processor, where there is no event to wait for.
void Spin(int rounds) {
  for (int i = 0; i < rounds; ++i) __asm__ volatile("" ::: "memory");
}

// A grandchild in a session of its own that would stay for long; all of them hold `out`.
StartedExec StartStayer(const TestJail& jail) {
  ExecRequest request;
  request.argv = {"sh", "-c", "setsid sleep 1000 & echo up; sleep 1000"};
  auto started = StartExec(jail, request);
  CHECK(started.ok());
  char up[3];
  CHECK(::read(started->out.get(), up, 3) == 3);
  return *std::move(started);
}

class LifecycleTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  }

  static Slot NewSlot(const Slot::Options& options = {}) {
    auto slot = Slot::Start(options);
    EXPECT_TRUE(slot.ok()) << slot.error().ToString();
    CHECK(slot.ok());
    return *std::move(slot);
  }
  static TestJail NewJail(const Slot& slot, const wire::SpawnInit& plan = DefaultJail(),
                          int workspace = -1) {
    auto jail = SpawnJail(slot, plan, workspace);
    EXPECT_TRUE(jail.ok()) << jail.error().ToString();
    CHECK(jail.ok());
    return *std::move(jail);
  }
  static void EndJail(const Slot& slot) {
    ASSERT_TRUE(testing::SendWire(slot.socket(), Type::kKillInit, {}).ok());
    ASSERT_EQ(ReceiveWire(slot.socket()).type, Type::kInitGone);
  }
};

TEST_F(LifecycleTest, KillingInitEndsEverythingAndTheSlotTakesTheNextJail) {
  Slot slot = NewSlot();
  TestJail first = NewJail(slot);
  StartedExec stayer = StartStayer(first);
  EXPECT_EQ(RunShell(first, "echo mark > /work/mark")->ended.status, 0);

  ASSERT_TRUE(testing::SendWire(slot.socket(), Type::kKillInit, {}).ok());
  const auto gone = ReceiveWire(slot.socket());
  ASSERT_EQ(gone.type, Type::kInitGone);
  EXPECT_EQ(gone.As<wire::InitGone>().si_code, CLD_KILLED);
  EXPECT_EQ(gone.As<wire::InitGone>().wait_status, SIGKILL);
  EXPECT_TRUE(HangsUp(stayer.out.get()));

  TestJail second = NewJail(slot);
  EXPECT_EQ(RunShell(second, "ls -A /work /tmp /dev/shm | grep -c mark; ls -d /proc/[0-9]* | wc -l")
                ->out.substr(0, 2),
            "0\n");
}

TEST_F(LifecycleTest, TheDeathOfTheZygoteEndsItsJail) {
  Slot slot = NewSlot();
  TestJail jail = NewJail(slot);
  StartedExec stayer = StartStayer(jail);
  ASSERT_TRUE(slot.zygote().Kill(SIGKILL).ok());
  EXPECT_TRUE(Ends(jail.pidfd.get()));
  EXPECT_TRUE(HangsUp(stayer.out.get()));
}

TEST_F(LifecycleTest, ACutLifelineEndsWhatHangsOnIt) {
  Slot slot = NewSlot();
  TestJail first = NewJail(slot);
  StartedExec stayer = StartStayer(first);
  first.lifeline.owner.reset();
  EXPECT_TRUE(HangsUp(stayer.out.get()));
  ASSERT_EQ(ReceiveWire(slot.socket()).type, Type::kInitGone);

  TestJail second = NewJail(slot);
  StartedExec other = StartStayer(second);
  slot.CutLifeline();
  EXPECT_TRUE(HangsUp(other.out.get()));
  EXPECT_TRUE(Ends(slot.zygote().pidfd()));
}

// From the first instruction to a running command, killed a little later each time. Afterwards the
// jailer drops its lifelines, as it does when it sees the zygote end.
TEST_F(LifecycleTest, AKillAtAnyMomentLeavesNobody) {
  for (int step = 0; step < 24; ++step) {
    auto bare = testing::StartZygote();
    ASSERT_TRUE(bare.ok());
    const int socket = bare->socket.get();
    if (step >= 2) {
      ASSERT_TRUE(testing::WriteMaps(*bare).ok());
    }
    if (step >= 4) {
      ASSERT_TRUE(testing::SendBuildSlot(socket, {}).ok());
    }
    if (step >= 10) {
      ASSERT_EQ(ReceiveWire(socket).type, Type::kSlotReady);
    }
    // Beyond the hand-shakes there is no event to wait for: ever longer spans of the processor.
    Spin((step % 6) * 40000);
    if (step < 10) {
      ASSERT_TRUE(bare->process.Kill(SIGKILL).ok());
      EXPECT_TRUE(HangsUp(socket)) << step;
      continue;
    }
    auto pair = MakeLifeline();
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    UniqueFd ours(ends[0]);
    UniqueFd theirs(ends[1]);
    ASSERT_TRUE(testing::SendWire(socket, Type::kSpawnInit, testing::BytesOf(DefaultJail()),
                                  {theirs.get(), pair->watcher.get()})
                    .ok());
    theirs.reset();
    UniqueFd init;
    if (step >= 14) {
      auto spawned = ReceiveWire(socket);
      ASSERT_EQ(spawned.type, Type::kInitSpawned);
      init = std::move(spawned.fds.at(0));
    }
    if (step >= 18) {
      ASSERT_EQ(ReceiveWire(ours.get()).type, Type::kJailReady);
    }
    Spin((step % 4) * 60000);
    if (step % 2 == 0 || !init) {
      ASSERT_TRUE(bare->process.Kill(SIGKILL).ok());
    } else {
      ASSERT_EQ(::syscall(SYS_pidfd_send_signal, init.get(), SIGKILL, nullptr, 0), 0);
    }
    pair->owner.reset();
    EXPECT_TRUE(HangsUp(ours.get())) << step;
    bare->lifeline.owner.reset();
    EXPECT_TRUE(HangsUp(socket)) << step;
  }
}

TEST_F(LifecycleTest, ASealedSlotKeepsItsNetworkAndLoopbackStaysDown) {
  Slot::Options options;
  options.sealed_network = true;
  Slot slot = NewSlot(options);
  wire::SpawnInit plan = DefaultJail();
  plan.new_network = 0;
  plan.loopback_up = 0;
  std::string seen[2];
  for (std::string& each : seen) {
    TestJail jail = NewJail(slot, plan);
    each = RunShell(jail,
                    "readlink /proc/self/ns/net; cat /proc/self/net/dev | wc -l; "
                    "cat /proc/self/net/route | wc -l")
               ->out;
    EndJail(slot);
  }
  char host[64] = {};
  ASSERT_GT(::readlink("/proc/self/ns/net", host, sizeof(host) - 1), 0);
  EXPECT_EQ(seen[0], seen[1]);
  EXPECT_EQ(seen[0].find(host), std::string::npos);
}

TEST_F(LifecycleTest, ADiskWorkspaceIsADirectoryOfTheHost) {
  auto directory = TempDir::Make("workspace");
  ASSERT_TRUE(directory.ok());
  ASSERT_EQ(::chmod(directory->path().c_str(), 0711), 0);  // init has to get to the parts.
  Slot slot = NewSlot();
  for (const char* name : {"workspace", "tmp", "var-tmp", "home"}) {
    const std::string path = directory->path() + "/" + name;
    ASSERT_EQ(::mkdir(path.c_str(), 0755), 0);
    ASSERT_EQ(::chown(path.c_str(), slot.host_task_id(), slot.host_task_id()), 0);
  }
  UniqueFd tree(static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, directory->path().c_str(),
                                           OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
  ASSERT_TRUE(tree);
  wire::SpawnInit plan = DefaultJail();
  plan.workspace = wire::SpawnInit::kDisk;
  SetPlaces(
      plan,
      {{"workspace", "/work"}, {"tmp", "/tmp"}, {"var-tmp", "/var/tmp"}, {"home", "/home/user"}});
  {
    TestJail jail = NewJail(slot, plan, tree.get());
    auto result = RunShell(jail,
                           "echo one > /work/a; echo two > /tmp/b; echo x > /dev/shm/c; "
                           "grep ' /work ' /proc/self/mountinfo | cut -d' ' -f6");
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result->out.rfind("rw,nosuid,nodev", 0), 0u) << result->out;
    EndJail(slot);
  }
  EXPECT_EQ(fabro::ReadFile(directory->path() + "/workspace/a").value(), "one\n");
  EXPECT_EQ(fabro::ReadFile(directory->path() + "/tmp/b").value(), "two\n");
}

TEST_F(LifecycleTest, AStepThatFailsIsNamedWithItsObject) {
  Slot slot = NewSlot();
  wire::SpawnInit plan = DefaultJail();
  SetPlaces(plan, {{"workspace", "/nowhere"}});
  auto jail = testing::SendSpawnInit(slot, plan);
  ASSERT_TRUE(jail.ok());
  const auto got = ReceiveWire(jail->socket.get());
  ASSERT_EQ(got.type, Type::kFailed);
  const auto failed = got.As<wire::Failed>();
  EXPECT_EQ(failed.step, static_cast<int>(Step::kWorkspace));
  EXPECT_EQ(failed.sys_errno, ENOENT);
  EXPECT_STREQ(failed.object, "/nowhere");
}

TEST_F(LifecycleTest, AMountStepLeavesTheRootByNoWay) {
  const struct {
    const char* target;
    int error;
  } cases[] = {{"../x", EXDEV}, {"bin/x", ELOOP}, {"work/../../x", EXDEV}, {"", EINVAL}};
  for (const auto& each : cases) {
    auto bare = testing::StartZygote();
    ASSERT_TRUE(bare.ok());
    ASSERT_TRUE(testing::WriteMaps(*bare).ok());
    wire::MountStep step;
    step.kind = wire::MountStep::kFile;
    std::strncpy(step.target, each.target, sizeof(step.target) - 1);
    Slot::Options options;
    options.more_steps = {step};
    ASSERT_TRUE(testing::SendBuildSlot(bare->socket.get(), options).ok());
    const auto got = ReceiveWire(bare->socket.get());
    ASSERT_EQ(got.type, Type::kFailed) << each.target;
    EXPECT_EQ(got.As<wire::Failed>().step, static_cast<int>(Step::kBuildRoot));
    EXPECT_EQ(got.As<wire::Failed>().sys_errno, each.error) << each.target;
  }
}

TEST_F(LifecycleTest, APayloadEntersItsLeafAndSeesItAsTheRoot) {
  const std::string base =
      ::access("/sys/fs/cgroup/pids/tasks", F_OK) == 0 ? "/sys/fs/cgroup/pids" : "/sys/fs/cgroup";
  const std::string leaf = base + "/jail-child-test-" + std::to_string(::getpid());
  if (::mkdir(leaf.c_str(), 0755) != 0) GTEST_SKIP() << "no cgroup can be made";
  const bool v1 = ::access((leaf + "/tasks").c_str(), F_OK) == 0;
  {
    auto file = Open(leaf + (v1 ? "/tasks" : "/cgroup.procs"), O_WRONLY);
    ASSERT_TRUE(file.ok());
    Slot slot = NewSlot();
    TestJail jail = NewJail(slot);
    ExecRequest request;
    request.argv = {"cat", "/proc/self/cgroup"};
    request.leaf_fds = {file->get()};
    auto result = RunExec(jail, request);
    ASSERT_TRUE(result.ok()) << result.error().ToString();
    EXPECT_FALSE(result->failed.has_value()) << result->failed->object;
    EXPECT_EQ(result->out.find("jail-child-test"), std::string::npos) << result->out;
    EXPECT_NE(result->out.find(v1 ? ":pids:/\n" : "0::/\n"), std::string::npos) << result->out;
    EndJail(slot);
  }
  EXPECT_EQ(::rmdir(leaf.c_str()), 0) << std::strerror(errno);
}

double Percentile(std::vector<double> values, std::size_t percent) {
  std::sort(values.begin(), values.end());
  return values[values.size() * percent / 100];
}

// Microseconds of each round.
struct Costs {
  std::vector<double> bare, launch, payload;
};

void Measure(const Slot& slot, const wire::SpawnInit& plan, Costs& costs) {
  using Clock = std::chrono::steady_clock;
  const auto micros = [](Clock::time_point since) {
    return std::chrono::duration<double, std::micro>(Clock::now() - since).count();
  };
  char name[] = "/usr/bin/true";
  char* argv[] = {name, nullptr};
  ExecRequest request;
  request.argv = {name};
  for (int round = 0; round < 100; ++round) {
    auto start = Clock::now();
    pid_t pid = -1;
    ASSERT_EQ(::posix_spawn(&pid, name, nullptr, nullptr, argv, environ), 0);
    ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
    costs.bare.push_back(micros(start));

    start = Clock::now();
    auto jail = SpawnJail(slot, plan);
    ASSERT_TRUE(jail.ok()) << jail.error().ToString();
    const auto ready = Clock::now();
    ASSERT_TRUE(RunExec(*jail, request).ok());
    costs.payload.push_back(micros(ready));
    costs.launch.push_back(micros(start));
    ASSERT_TRUE(testing::SendWire(slot.socket(), Type::kKillInit, {}).ok());
    ASSERT_EQ(ReceiveWire(slot.socket()).type, Type::kInitGone);
  }
}

// Numbers for the reader, not bounds: init and payload against posix_spawn, round by round. The
// network namespace of the round before is still being taken apart meanwhile; a sealed slot has
// none.
TEST_F(LifecycleTest, ReportsWhatALaunchCosts) {
  for (const bool sealed : {false, true}) {
    Slot::Options options;
    options.sealed_network = sealed;
    const Slot slot = NewSlot(options);
    wire::SpawnInit plan = DefaultJail();
    plan.devpts = 0;
    plan.new_network = sealed ? 0 : 1;
    plan.loopback_up = 0;
    Costs costs;
    Measure(slot, plan, costs);
    for (const std::size_t percent : {10u, 50u}) {
      const double base = Percentile(costs.bare, percent);
      std::printf("%s p%zu: posix_spawn %.0f us, init and payload %.2fx, payload alone %.2fx\n",
                  sealed ? "sealed" : "strict", percent, base,
                  Percentile(costs.launch, percent) / base,
                  Percentile(costs.payload, percent) / base);
    }
  }
}

}  // namespace
}  // namespace fabro::jail
