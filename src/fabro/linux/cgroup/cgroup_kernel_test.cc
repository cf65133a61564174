// Real groups of this machine, made below the group that the test runs in. Needs root.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <ctime>

#include "fabro/linux/cgroup/janitor.h"
#include "fabro/linux/cgroup/job_root.h"
#include "fabro/linux/file.h"
#include "fabro/linux/lifeline.h"
#include "fabro/linux/testing/child.h"

namespace fabro::cgroup {
namespace {

using testing::StartChild;

// In the child: enters the leaf as a guest does. Only async-signal-safe calls.
void Enter(const Leaf& leaf) {
  for (const int fd : leaf.AttachFds()) {
    if (::write(fd, "0", 1) != 1) ::_exit(99);
  }
}

void TouchMemory(std::size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) ::_exit(98);
  auto* at = static_cast<volatile char*>(memory);
  for (std::size_t i = 0; i < bytes; i += 4096) at[i] = 1;
}

void Burn(std::chrono::milliseconds cpu_time) {
  timespec now{};
  do {
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  } while (std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec) < cpu_time);
}

// Runs every test on the machine's own hierarchy and, where there are v1 controllers, on them
// alone, as if there were no v2 tree: the freezer's way to kill.
class KernelCgroupTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    ASSERT_EQ(::geteuid(), 0U) << "run as root";
    // Orphans of the guests come to us and are reaped here, as init does it for a Jail.
    ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    Result<Hierarchy> found = Detect();
    ASSERT_TRUE(found) << found.error().ToString();
    if (GetParam()) {
      if (found->mode == Mode::kV2) GTEST_SKIP() << "no v1 controllers here";
      found = WithoutUnified();
      ASSERT_TRUE(found) << found.error().ToString();
      ASSERT_EQ(found->mode, Mode::kV1);
    }
    hierarchy_ = *found;
    // A name of our own, so that groups of a real service are not met.
    Result<JobRoot> root = JobRoot::Open(hierarchy_, kTestUid);
    ASSERT_TRUE(root) << root.error().ToString();
    root_.emplace(*std::move(root));
  }

  void TearDown() override {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    if (!root_.has_value()) return;
    root_.reset();
    if (hierarchy_.mode == Mode::kV2) return;  // `service` holds us where the root is not ours.
    for (const Place& place : hierarchy_.places)
      EXPECT_FALSE(Exists(place, "")) << place.mount_point;
  }

  static Result<Hierarchy> WithoutUnified() {
    std::string groups = TRY(ReadFile("/proc/self/cgroup"));
    const std::size_t unified = groups.find("0::");
    if (unified != std::string::npos)
      groups.erase(unified, groups.find('\n', unified) - unified + 1);
    const std::string mounts = TRY(ReadFile("/proc/self/mountinfo"));
    return DetectFrom(groups, mounts);
  }

  static constexpr uid_t kTestUid = 4'000'000'001U;

  static bool Exists(const Place& place, const std::string& below) {
    const std::string path = place.mount_point + "/" + place.own_path + "/faber-4000000001" + below;
    return ::access(path.c_str(), F_OK) == 0;
  }

  bool ExistsAnywhere(const std::string& below) const {
    for (const Place& place : hierarchy_.places) {
      if (Exists(place, below)) return true;
    }
    return false;
  }

  Hierarchy hierarchy_;
  std::optional<JobRoot> root_;
};

INSTANTIATE_TEST_SUITE_P(, KernelCgroupTest, ::testing::Bool(),
                         [](const auto& i) { return i.param ? "V1Alone" : "OwnHierarchy"; });

TEST_P(KernelCgroupTest, AMemoryKillIsCountedAsTheOwnLimits) {
  SlotGroup slot = root_->CreateSlot("t").value();
  Leaf leaf = slot.TakeLeaf().value();
  ASSERT_TRUE(leaf.Apply({.memory = 32_MiB}));

  Process guest = StartChild([&] {
    Enter(leaf);
    TouchMemory(100U << 20U);
  });

  EXPECT_EQ(guest.Wait().value(), (ExitStatus{ExitStatus::Kind::kSignaled, SIGKILL}));
  const Usage usage = leaf.ReadUsage().value();
  EXPECT_EQ(usage.oom, OomSource::kOwn);
  EXPECT_EQ(usage.oom_kills, 1U);
  if (usage.memory_peak) {
    EXPECT_GT(*usage.memory_peak, 31_MiB);
  }
  if (usage.memory_peak) {
    EXPECT_LE(*usage.memory_peak, 32_MiB);
  }
}

TEST_P(KernelCgroupTest, AMemoryKillByTheSlotsLimitIsTheAncestors) {
  SlotGroup slot = root_->CreateSlot("t").value();
  ASSERT_TRUE(slot.Apply({.memory = 32_MiB}));
  Leaf leaf = slot.TakeLeaf().value();
  ASSERT_TRUE(leaf.Apply({.memory = 512_MiB}));

  Process guest = StartChild([&] {
    Enter(leaf);
    TouchMemory(100U << 20U);
  });

  EXPECT_EQ(guest.Wait().value().value, SIGKILL);
  EXPECT_EQ(leaf.ReadUsage().value().oom, OomSource::kAncestor);
}

TEST_P(KernelCgroupTest, MemoryWithinTheLimitIsNoEvent) {
  SlotGroup slot = root_->CreateSlot("t").value();
  Leaf leaf = slot.TakeLeaf().value();
  ASSERT_TRUE(leaf.Apply({.memory = 64_MiB}));

  Process guest = StartChild([&] {
    Enter(leaf);
    TouchMemory(16U << 20U);
  });

  EXPECT_EQ(guest.Wait().value(), (ExitStatus{ExitStatus::Kind::kExited, 0}));
  const Usage usage = leaf.ReadUsage().value();
  EXPECT_EQ(usage.oom, OomSource::kNone);
  if (usage.memory_peak) {
    EXPECT_GE(*usage.memory_peak, 16_MiB);
  }
}

TEST_P(KernelCgroupTest, ThePidsLimitHoldsAndIsCounted) {
  SlotGroup slot = root_->CreateSlot("t").value();
  Leaf leaf = slot.TakeLeaf().value();
  ASSERT_TRUE(leaf.Apply({.pids = 4}));

  Process guest = StartChild([&] {
    Enter(leaf);
    int made = 0;
    for (int i = 0; i < 10; ++i) {
      const pid_t pid = ::fork();
      if (pid == 0) {
        ::pause();
        ::_exit(0);
      }
      if (pid > 0) ++made;
    }
    return made;
  });

  EXPECT_EQ(guest.Wait().value(), (ExitStatus{ExitStatus::Kind::kExited, 3})) << "with itself 4";
  EXPECT_GE(leaf.ReadUsage().value().pids_limit_hits, 7U);
  ASSERT_TRUE(leaf.Kill());
  EXPECT_FALSE(leaf.Populated().value());
}

TEST_P(KernelCgroupTest, TheCpuQuotaThrottles) {
  SlotGroup slot = root_->CreateSlot("t").value();
  Leaf leaf = slot.TakeLeaf().value();
  ASSERT_TRUE(leaf.Apply({.cpu_milli = 100}));

  Process guest = StartChild([&] {
    Enter(leaf);
    Burn(std::chrono::milliseconds(40));  // Four times the quota of a period.
  });

  EXPECT_EQ(guest.Wait().value().value, 0);
  const Usage usage = leaf.ReadUsage().value();
  EXPECT_GE(usage.throttled_periods, 1U);
  EXPECT_GT(usage.throttled_time.count(), 0);
}

TEST_P(KernelCgroupTest, CpuTimeIsThatOfAllProcessesOfTheLeaf) {
  SlotGroup slot = root_->CreateSlot("t").value();
  Leaf leaf = slot.TakeLeaf().value();

  Process guest = StartChild([&] {
    Enter(leaf);
    const pid_t pid = ::fork();
    Burn(std::chrono::milliseconds(30));
    if (pid == 0) ::_exit(0);
    ::waitpid(pid, nullptr, 0);
  });

  EXPECT_EQ(guest.Wait().value().value, 0);
  const Usage usage = leaf.ReadUsage().value();
  EXPECT_GE(usage.cpu_time, std::chrono::milliseconds(55));
  EXPECT_GT(usage.cpu_user + usage.cpu_system, Nanos(0));
}

TEST_P(KernelCgroupTest, AForkBombThatLeavesItsSessionIsKilledWhole) {
  SlotGroup slot = root_->CreateSlot("t").value();
  Leaf leaf = slot.TakeLeaf().value();
  ASSERT_TRUE(leaf.Apply({.pids = 60}));
  Lifeline ready = MakeLifeline().value();

  Process guest = StartChild([&] {
    Enter(leaf);
    for (;;) {
      const pid_t pid = ::fork();
      if (pid == 0) ::setsid();
      // The pipe tells the test that the bomb is in full swing: the pids limit is met.
      if (pid < 0 && ::write(ready.owner.get(), "x", 1) < 0) ::_exit(1);
    }
  });
  ASSERT_EQ(PollOne(ready.watcher.get(), POLLIN).value(), POLLIN);

  ASSERT_TRUE(leaf.Kill());

  EXPECT_FALSE(leaf.Populated().value());
  EXPECT_EQ(guest.Wait().value(), (ExitStatus{ExitStatus::Kind::kSignaled, SIGKILL}));
  while (::waitpid(-1, nullptr, 0) > 0) {
  }
  EXPECT_EQ(leaf.ReadUsage().value().pids_current, 0U);
  ASSERT_TRUE(leaf.Remove());
}

TEST_P(KernelCgroupTest, KillingOneLeafLeavesItsNeighbourAlone) {
  SlotGroup slot = root_->CreateSlot("t").value();
  Leaf first = slot.TakeLeaf().value();
  Leaf second = slot.TakeLeaf().value();
  Lifeline ready = MakeLifeline().value();
  const auto body = [&](const Leaf& leaf) {
    Enter(leaf);
    if (::write(ready.owner.get(), "x", 1) < 0) ::_exit(1);
    ::pause();
  };
  Process one = StartChild([&] { body(first); });
  Process two = StartChild([&] { body(second); });
  for (char buffer[2]; const int i : {0, 1}) {
    (void)i;
    ASSERT_EQ(::read(ready.watcher.get(), buffer, 1), 1);
  }

  ASSERT_TRUE(first.Kill());

  EXPECT_EQ(one.Wait().value().value, SIGKILL);
  EXPECT_TRUE(second.Populated().value());
  EXPECT_EQ(PollOne(two.pidfd(), POLLIN, std::chrono::steady_clock::now()).value(), 0);
}

TEST_P(KernelCgroupTest, ALeafWithAProcessOrAZombieIsNotUsedAgain) {
  SlotGroup slot = root_->CreateSlot("t").value();
  Leaf leaf = slot.TakeLeaf().value();
  Lifeline ready = MakeLifeline().value();
  Process guest = StartChild([&] {
    Enter(leaf);
    if (::write(ready.owner.get(), "x", 1) < 0) ::_exit(1);
    ::pause();
  });
  ASSERT_EQ(PollOne(ready.watcher.get(), POLLIN).value(), POLLIN);
  EXPECT_EQ(leaf.ResetForReuse().error().reason, "cgroup_not_reusable");

  ASSERT_TRUE(leaf.Kill());
  EXPECT_EQ(leaf.ResetForReuse().error().reason, "cgroup_not_reusable") << "not reaped yet";
}

TEST_P(KernelCgroupTest, ALeafChargedWithPageCacheIsNotUsedAgain) {
  SlotGroup slot = root_->CreateSlot("t").value();
  Leaf leaf = slot.TakeLeaf().value();
  const UniqueFd file(::memfd_create("charged", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(file.get(), 8 << 20), 0);
  Process guest = StartChild([&] {
    Enter(leaf);
    char page[4096] = {1};
    for (int i = 0; i < 2048; ++i) {
      if (::write(file.get(), page, sizeof page) != sizeof page) ::_exit(1);
    }
  });
  ASSERT_EQ(guest.Wait().value().value, 0);

  EXPECT_EQ(leaf.ResetForReuse().error().reason, "cgroup_not_reusable");
}

TEST_P(KernelCgroupTest, AReusedLeafStartsFromZero) {
  SlotGroup slot = root_->CreateSlot("t").value();
  Leaf leaf = slot.TakeLeaf().value();
  const std::string name = leaf.name();
  Process guest = StartChild([&] {
    Enter(leaf);
    TouchMemory(20U << 20U);
    Burn(std::chrono::milliseconds(10));
  });
  ASSERT_EQ(guest.Wait().value().value, 0);
  ASSERT_GE(leaf.ReadUsage().value().cpu_time, std::chrono::milliseconds(10));

  ASSERT_TRUE(slot.GiveBack(std::move(leaf)));
  Leaf again = slot.TakeLeaf().value();

  const Usage usage = again.ReadUsage().value();
  EXPECT_EQ(usage.cpu_time, Nanos(0));
  EXPECT_EQ(usage.pids_current, 0U);
  if (usage.memory_peak) {
    EXPECT_LE(*usage.memory_peak, kReuseResidual);
  }
  if (hierarchy_.mode != Mode::kV2) {
    EXPECT_EQ(again.name(), name) << "v1 resets every leaf";
  }
}

TEST_P(KernelCgroupTest, AChildInAUserNamespaceEntersByTheOpenersRight) {
  SlotGroup slot = root_->CreateSlot("t").value();
  Leaf leaf = slot.TakeLeaf().value();

  Process guest = StartChild([&] {
    if (::unshare(CLONE_NEWUSER) != 0) return 97;
    Enter(leaf);
    return 0;
  });

  EXPECT_EQ(guest.Wait().value(), (ExitStatus{ExitStatus::Kind::kExited, 0}));
}

TEST_P(KernelCgroupTest, RemovalLeavesNothing) {
  std::string below;
  {
    SlotGroup slot = root_->CreateSlot("t").value();
    below = "/jobs/" + slot.name();
    Leaf leaf = slot.TakeLeaf().value();
    Leaf other = slot.TakeLeaf().value();
    EXPECT_TRUE(ExistsAnywhere(below + "/e1"));
    EXPECT_TRUE(ExistsAnywhere(below + "/sup"));
    ASSERT_TRUE(leaf.Remove());
    EXPECT_FALSE(ExistsAnywhere(below + "/e0"));
    ASSERT_TRUE(slot.GiveBack(std::move(other)));
  }
  EXPECT_FALSE(ExistsAnywhere(below));
}

TEST_P(KernelCgroupTest, DestroyingASlotEndsAllInIt) {
  std::optional<Process> helper;
  std::optional<Process> guest;
  Lifeline ready = MakeLifeline().value();
  {
    SlotGroup slot = root_->CreateSlot("t").value();
    Leaf leaf = slot.TakeLeaf().value();
    const auto body = [&](const Leaf& in) {
      Enter(in);
      if (::write(ready.owner.get(), "x", 1) < 0) ::_exit(1);
      ::pause();
    };
    helper.emplace(StartChild([&] { body(slot.sup()); }));
    guest.emplace(StartChild([&] { body(leaf); }));
    for (char buffer[2]; const int i : {0, 1}) {
      (void)i;
      ASSERT_EQ(::read(ready.watcher.get(), buffer, 1), 1);
    }
  }
  EXPECT_EQ(helper->Wait().value().value, SIGKILL);
  EXPECT_EQ(guest->Wait().value().value, SIGKILL);
}

TEST_P(KernelCgroupTest, TheJanitorClearsDeadOwnersOnly) {
  // A "service" that makes a slot with a process in it and is killed: both stay behind.
  Lifeline ready = MakeLifeline().value();
  Process service = StartChild([&] {
    Result<SlotGroup> slot = root_->CreateSlot("dead");
    if (!slot) ::_exit(1);
    Leaf leaf = slot->TakeLeaf().value();
    const pid_t guest = ::fork();
    if (guest == 0) {
      Enter(leaf);
      (void)!::write(ready.owner.get(), "x", 1);
      for (;;) ::pause();
    }
    for (;;) ::pause();
  });
  ASSERT_EQ(PollOne(ready.watcher.get(), POLLIN).value(), POLLIN);
  ready.owner.reset();
  SlotGroup mine = root_->CreateSlot("mine").value();
  const JanitorReport before = ClearDeadSlots(*root_).value();
  EXPECT_EQ(before.kept.size(), 2U);
  EXPECT_TRUE(before.removed.empty());

  ASSERT_TRUE(service.Kill(SIGKILL));
  ASSERT_TRUE(service.Wait());
  const JanitorReport after = ClearDeadSlots(*root_).value();

  EXPECT_EQ(after.kept, std::vector<std::string>{mine.name()});
  ASSERT_EQ(after.removed.size(), 1U);
  EXPECT_TRUE(after.failures.empty());
  EXPECT_FALSE(ExistsAnywhere("/jobs/" + after.removed[0]));
  // The guest held the pipe's other end: its hang-up says that it is dead.
  char rest[64];
  ASSERT_GE(::read(ready.watcher.get(), rest, sizeof rest), 0);
  EXPECT_EQ(PollOne(ready.watcher.get(), POLLIN).value() & POLLHUP, POLLHUP);
}

TEST_P(KernelCgroupTest, TheJanitorTakesGroupsThatAreInSomeTreesOnly) {
  Process gone = StartChild([] {});
  const SlotOwner owner{OwnPidNamespace().value(), IdentifyProcess(gone.pid()).value()};
  ASSERT_TRUE(gone.Wait());
  const Member& last = root_->jobs().members().back();
  const std::string name = SlotName("half", owner);
  ASSERT_EQ(::mkdirat(last.dir.get(), name.c_str(), 0755), 0);

  const JanitorReport report = ClearDeadSlots(*root_).value();

  EXPECT_EQ(report.removed, std::vector<std::string>{name});
  EXPECT_FALSE(ExistsAnywhere("/jobs/" + name));
}

}  // namespace
}  // namespace fabro::cgroup
