// Limits, counters and names over a made-up cgroupfs: plain files, so no rights are needed.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <map>

#include "fabro/linux/cgroup/janitor.h"
#include "fabro/linux/cgroup/job_root.h"
#include "fabro/linux/cgroup/limits.h"
#include "fabro/linux/cgroup/more_limits.h"
#include "fabro/linux/cgroup/usage.h"
#include "fabro/linux/file.h"
#include "fabro/linux/scoped_dir.h"

namespace fabro::cgroup {
namespace {

using Files = std::map<std::string, std::string>;

class FakeTreeTest : public ::testing::Test {
 protected:
  TempDir temp_ = TempDir::Make("fabro-cgroup-fake").value();

  Member MakeMember(const std::string& name, Version version, std::vector<Controller> controllers,
                    const Files& files) {
    const std::string path = temp_.path() + "/" + name;
    EXPECT_TRUE(MakeDirs(path));
    for (const auto& [file, text] : files) EXPECT_TRUE(WriteFile(path + "/" + file, text));
    ControllerSet set;
    for (const Controller c : controllers) set.Add(c);
    return Member{OpenDir(path).value(), version, set};
  }
  std::string Text(const std::string& file) { return ReadFile(temp_.path() + "/" + file).value(); }

  Group V2Group(const Files& files) {
    std::vector<Member> members;
    members.push_back(MakeMember(
        "g", Version::kV2, {Controller::kCpu, Controller::kMemory, Controller::kPids}, files));
    return Group("g", std::move(members));
  }
};

TEST_F(FakeTreeTest, V2LimitsAreWrittenInTheKernelsForm) {
  const Group group = V2Group({{"memory.max", ""},
                               {"memory.swap.max", ""},
                               {"memory.oom.group", ""},
                               {"pids.max", ""},
                               {"cpu.max", ""}});
  ASSERT_TRUE(ApplyLimits(group, {.memory = 64_MiB, .pids = 9, .cpu_milli = 1500}));
  EXPECT_EQ(Text("g/memory.max"), "67108864");
  EXPECT_EQ(Text("g/memory.swap.max"), "0");
  EXPECT_EQ(Text("g/memory.oom.group"), "1");
  EXPECT_EQ(Text("g/pids.max"), "9");
  EXPECT_EQ(Text("g/cpu.max"), "150000 100000");
}

TEST_F(FakeTreeTest, WhatIsNotSetBecomesUnlimited) {
  const Group group = V2Group({{"memory.max", ""},
                               {"memory.swap.max", ""},
                               {"memory.oom.group", ""},
                               {"pids.max", ""},
                               {"cpu.max", ""}});
  ASSERT_TRUE(ApplyLimits(group, {}));
  EXPECT_EQ(Text("g/memory.max"), "max");
  EXPECT_EQ(Text("g/pids.max"), "max");
  EXPECT_EQ(Text("g/cpu.max"), "max 100000");
}

TEST_F(FakeTreeTest, ACpuLimitBelowTheKernelsLeastIsRefused) {
  const Group group = V2Group({{"memory.max", ""},
                               {"memory.swap.max", ""},
                               {"memory.oom.group", ""},
                               {"pids.max", ""},
                               {"cpu.max", ""}});
  EXPECT_EQ(ApplyLimits(group, {.cpu_milli = 9}).error().code, Code::kInvalidArgument);
}

TEST_F(FakeTreeTest, AMissingFileIsAnErrorThatNamesIt) {
  const Error error = ApplyLimits(V2Group({}), {.memory = 1_MiB}).error();
  EXPECT_EQ(error.sys_errno, ENOENT);
  EXPECT_NE(error.ToString().find("memory.max"), std::string::npos);
}

TEST_F(FakeTreeTest, V2CountersAreRead) {
  const Group group = V2Group(
      {{"memory.current", "4096\n"},
       {"memory.peak", "8192\n"},
       {"memory.events.local", "low 0\nhigh 0\nmax 7\noom 2\noom_kill 3\noom_group_kill 1\n"},
       {"pids.current", "1\n"},
       {"pids.events", "max 4\n"},
       {"cpu.stat",
        "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_throttled 5\nthrottled_usec 6\n"}});
  const Counters counters = ReadCounters(group).value();
  EXPECT_EQ(counters.memory_peak, 8192U);
  EXPECT_EQ(counters.oom_events, 2U) << "not a line that only begins so";
  EXPECT_EQ(counters.oom_kills, 3U);
  EXPECT_EQ(counters.cpu_ns, 30'000U);
  EXPECT_EQ(counters.throttled_ns, 6'000U);
  EXPECT_EQ(counters.pids_peak, std::nullopt) << "the file is missing: not known";
}

TEST_F(FakeTreeTest, AGroupAboveOthersIsNotKilledTogether) {
  const Group group = V2Group({{"memory.max", ""},
                               {"memory.swap.max", ""},
                               {"memory.oom.group", ""},
                               {"pids.max", ""},
                               {"cpu.max", ""}});
  ASSERT_TRUE(ApplyLimits(group, {.memory = 64_MiB, .kill_together = false}));
  EXPECT_EQ(Text("g/memory.oom.group"), "0");
}

TEST(MoreLimitsTest, ListsOfCoresAreReadAsTheKernelWritesThem) {
  EXPECT_TRUE(CoresWithin("0-2,5", "0-7\n"));
  EXPECT_TRUE(CoresWithin("1", "0,1"));
  EXPECT_FALSE(CoresWithin("1-2", "0,1\n"));
  for (const char* bad : {"", "x", "2-1", "1-", "1,,2", "99999"}) {
    EXPECT_FALSE(CoresWithin(bad, "0-8191")) << bad;
  }
}

TEST(MoreLimitsTest, OnV1TheControllerIsNamedWithAFix) {
  MoreLimits limits;
  limits.cpus = "0";
  const Status refused = EnableMore(Group("g", {}), limits);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, kUnavailable);
  EXPECT_NE(refused.error().message.find("cgroup.cpuset"), std::string::npos);
  EXPECT_FALSE(refused.error().fix.empty());
}

TEST(UsageTest, AnOomKillWithoutTheOwnLimitIsTheAncestors) {
  Counters after;
  after.oom_kills = 1;
  EXPECT_EQ(UsageBetween({}, after, Version::kV2).oom, OomSource::kAncestor);
  EXPECT_EQ(UsageBetween({}, after, Version::kV1).oom, OomSource::kAncestor);
  after.oom_events = 1;
  after.memory_peak = 64 << 20;
  after.memory_limit = 64 << 20;
  EXPECT_EQ(UsageBetween({}, after, Version::kV2).oom, OomSource::kOwn);
  EXPECT_EQ(UsageBetween({}, after, Version::kV1).oom, OomSource::kOwn);
  EXPECT_EQ(UsageBetween(after, after, Version::kV2).oom, OomSource::kNone) << "an earlier life's";
}

TEST(UsageTest, APidsPeakOfAnEarlierLifeIsNotReported) {
  Counters before;
  Counters after;
  before.pids_peak = 5;
  after.pids_peak = 5;
  EXPECT_EQ(UsageBetween(before, after, Version::kV2).pids_peak, std::nullopt);
  after.pids_peak = 6;
  EXPECT_EQ(UsageBetween(before, after, Version::kV2).pids_peak, 6U);
}

TEST(SlotNameTest, TheOwnerIsInTheName) {
  const SlotOwner owner{4026531836, {1234, 567890}};
  EXPECT_EQ(SlotName("a-b", owner), "a-b.4026531836-1234-567890");
  EXPECT_EQ(ParseSlotOwner(SlotName("a-b", owner)).value(), owner);
  for (const char* name : {"", "a", "a.", "a.1-2", "a.1-2-", "a.1-0-3", "a.1-2-3x", "a.x-2-3"}) {
    EXPECT_FALSE(ParseSlotOwner(name)) << name;
  }
}

}  // namespace
}  // namespace fabro::cgroup
