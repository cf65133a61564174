// One leaf with real processes: limits, counters, kills, reuse.
#include "fabro/linux/cgroup/leaf.h"

#include <sched.h>

#include <csignal>

#include "fabro/linux/cgroup/testing_kernel.h"

namespace fabro::cgroup {
namespace {

class LeafKernelTest : public KernelCgroupTest {};
INSTANTIATE_TEST_SUITE_P(, LeafKernelTest, ::testing::ValuesIn(Shapes()), ShapeName);

TEST_P(LeafKernelTest, AMemoryKillIsCountedAsTheOwnLimits) {
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
  EXPECT_GE(usage.oom_kills, 1U) << "v2 counts the victim of a group kill twice";
  if (usage.memory_peak) {
    EXPECT_GT(*usage.memory_peak, 31_MiB);
  }
  if (usage.memory_peak) {
    EXPECT_LE(*usage.memory_peak, 32_MiB);
  }
}

TEST_P(LeafKernelTest, AMemoryKillByTheSlotsLimitIsTheAncestors) {
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

TEST_P(LeafKernelTest, MemoryWithinTheLimitIsNoEvent) {
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

TEST_P(LeafKernelTest, ThePidsLimitHoldsAndIsCounted) {
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

TEST_P(LeafKernelTest, TheCpuQuotaThrottles) {
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

TEST_P(LeafKernelTest, CpuTimeIsThatOfAllProcessesOfTheLeaf) {
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

TEST_P(LeafKernelTest, AForkBombThatLeavesItsSessionIsKilledWhole) {
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

TEST_P(LeafKernelTest, KillingOneLeafLeavesItsNeighbourAlone) {
  SlotGroup slot = root_->CreateSlot("t").value();
  Leaf first = slot.TakeLeaf().value();
  Leaf second = slot.TakeLeaf().value();
  Lifeline ready = MakeLifeline().value();
  const auto body = [&](Leaf& leaf) {
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

TEST_P(LeafKernelTest, ALeafWithAProcessOrAZombieIsNotUsedAgain) {
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

TEST_P(LeafKernelTest, ALeafChargedWithPageCacheIsNotUsedAgain) {
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

TEST_P(LeafKernelTest, AReusedLeafStartsFromZero) {
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

TEST_P(LeafKernelTest, AChildInAUserNamespaceEntersByTheOpenersRight) {
  SlotGroup slot = root_->CreateSlot("t").value();
  Leaf leaf = slot.TakeLeaf().value();

  Process guest = StartChild([&] {
    if (::unshare(CLONE_NEWUSER) != 0) return 97;
    Enter(leaf);
    return 0;
  });

  EXPECT_EQ(guest.Wait().value(), (ExitStatus{ExitStatus::Kind::kExited, 0}));
}

}  // namespace
}  // namespace fabro::cgroup
