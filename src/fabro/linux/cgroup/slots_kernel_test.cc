// Slots with real groups: removal, the janitor, and our own place in a v2 tree.
#include <sys/stat.h>

#include <csignal>

#include "fabro/linux/cgroup/janitor.h"
#include "fabro/linux/cgroup/testing_kernel.h"

namespace fabro::cgroup {
namespace {

class SlotsKernelTest : public KernelCgroupTest {};
INSTANTIATE_TEST_SUITE_P(, SlotsKernelTest, ::testing::ValuesIn(Shapes()), ShapeName);

TEST_P(SlotsKernelTest, RemovalLeavesNothing) {
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

TEST_P(SlotsKernelTest, DestroyingASlotEndsAllInIt) {
  std::optional<Process> helper;
  std::optional<Process> guest;
  Lifeline ready = MakeLifeline().value();
  {
    SlotGroup slot = root_->CreateSlot("t").value();
    Leaf leaf = slot.TakeLeaf().value();
    const auto body = [&](Leaf& in) {
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

TEST_P(SlotsKernelTest, TheJanitorClearsDeadOwnersOnly) {
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

TEST_P(SlotsKernelTest, TheJanitorTakesGroupsThatAreInSomeTreesOnly) {
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

// v2 only: the machine's groups of version 1 have no rule of no internal processes.
class ServiceKernelTest : public ::testing::TestWithParam<Shape> {
 protected:
  // A group beside ours for a child to be started in, as a service manager does it.
  void SetUp() override {
    const Hierarchy found = Detect().value();
    base_ = found.places[0].mount_point + "/" + found.places[0].own_path + "/fabro-service-test";
    ASSERT_TRUE(MakeDirs(base_));
  }
  void TearDown() override {
    for (const char* below : {"/faber-7/service", "/faber-7/jobs", "/faber-7", ""}) {
      ::rmdir((base_ + below).c_str());
    }
    EXPECT_NE(::access(base_.c_str(), F_OK), 0) << base_ << " is left";
  }
  std::string base_;
};

std::vector<Shape> OnlyV2() {
  const Result<Hierarchy> found = Detect();
  if (!found || found->mode != Mode::kV2) return {};
  return {Shape::kOwnHierarchy};
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ServiceKernelTest);
INSTANTIATE_TEST_SUITE_P(, ServiceKernelTest, ::testing::ValuesIn(OnlyV2()), ShapeName);

// The step that failed, 0 for none. Runs in a child.
int UseSlotsAsService(const std::string& base) {
  if (!fabro::WriteControl(base + "/cgroup.procs", "0")) return 1;
  const Result<Hierarchy> before = Detect();
  if (!before) return 2;
  Result<JobRoot> root = JobRoot::Open(*before, 7);
  if (!root) return 3;
  const Result<Hierarchy> after = Detect();
  if (!after || !after->places[0].own_path.ends_with("/faber-7/service")) return 4;
  Result<SlotGroup> slot = root->CreateSlot("s");
  if (!slot) return 5;
  Result<Leaf> leaf = slot->TakeLeaf();
  if (!leaf || !leaf->Apply({.memory = 32_MiB, .pids = 5, .cpu_milli = 500})) return 6;
  // A child of the service starts in `service` and finds the same root.
  Result<JobRoot> again = JobRoot::Open(*after, 7);
  if (!again || again->jobs().Children().value().size() != 1) return 7;
  return 0;
}

TEST_P(ServiceKernelTest, TheServiceMovesOutOfTheWayOfItsControllers) {
  Process service = StartChild([&] { return UseSlotsAsService(base_); });
  EXPECT_EQ(service.Wait().value(), (ExitStatus{ExitStatus::Kind::kExited, 0}));
  EXPECT_FALSE(::access((base_ + "/faber-7/jobs").c_str(), F_OK) == 0) << "empty, so removed";
}

// As a service manager starts faber, and faber its jailer: both are in the group.
TEST_P(ServiceKernelTest, WhoStartedUsMovesAlong) {
  Process caller = StartChild([&] {
    if (!fabro::WriteControl(base_ + "/cgroup.procs", "0")) return 1;
    const pid_t kin = ::getpid();
    Process service = StartChild([&] { return JobRoot::Open(*Detect(), 7, {&kin, 1}) ? 0 : 1; });
    if (*service.Wait() != ExitStatus{ExitStatus::Kind::kExited, 0}) return 2;
    return Detect()->places[0].own_path.ends_with("/faber-7/service") ? 0 : 3;
  });
  EXPECT_EQ(caller.Wait().value(), (ExitStatus{ExitStatus::Kind::kExited, 0}));
}

TEST_P(ServiceKernelTest, AGroupSharedWithOthersIsRefusedAndLeftAsItWas) {
  Lifeline ready = MakeLifeline().value();
  Process other = StartChild([&] {
    if (!fabro::WriteControl(base_ + "/cgroup.procs", "0")) ::_exit(1);
    if (::write(ready.owner.get(), "x", 1) < 0) ::_exit(1);
    ::pause();
  });
  ASSERT_EQ(PollOne(ready.watcher.get(), POLLIN).value(), POLLIN);

  Process service = StartChild([&] {
    if (!fabro::WriteControl(base_ + "/cgroup.procs", "0")) return 1;
    const Result<JobRoot> root = JobRoot::Open(Detect().value(), 7);
    if (root) return 2;
    if (root.error().reason != kUnavailable || root.error().sys_errno != EBUSY) return 3;
    if (root.error().fix.find("systemd-run") == std::string::npos) return 4;
    return Detect().value().places[0].own_path.ends_with("fabro-service-test") ? 0 : 5;
  });

  EXPECT_EQ(service.Wait().value(), (ExitStatus{ExitStatus::Kind::kExited, 0}));
  EXPECT_NE(::access((base_ + "/faber-7").c_str(), F_OK), 0);
}

}  // namespace
}  // namespace fabro::cgroup
