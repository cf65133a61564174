#include "fabro/jail/plan/plan.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <functional>

namespace fabro::jail::plan {
namespace {

using model::SandboxSpec;

SourceFacts Dir(std::string path) {
  SourceFacts facts;
  facts.kind = SourceFacts::Kind::kDirectory;
  facts.path = std::move(path);
  facts.mode = 0700;
  return facts;
}

HostFacts Debian() {
  HostFacts facts;
  facts.root_entries = {{"/usr", RootEntry::Kind::kDirectory, ""},
                        {"/bin", RootEntry::Kind::kSymlink, "usr/bin"},
                        {"/etc/alternatives", RootEntry::Kind::kDirectory, ""},
                        {"/etc/ld.so.cache", RootEntry::Kind::kFile, ""}};
  facts.limits = {{RLIMIT_NOFILE, 20000}};
  facts.landlock_abi = 7;
  return facts;
}

std::string ReasonOf(const SandboxSpec& spec, const HostFacts& facts = Debian()) {
  const auto plan = PlanJail(spec, facts);
  return plan ? "" : plan.error().reason;
}

const MountPlan* Find(const JailPlan& plan, std::string_view target, MountPlan::Kind kind) {
  const auto found = std::find_if(
      plan.mounts.begin(), plan.mounts.end(),
      [&](const MountPlan& step) { return step.target == target && step.kind == kind; });
  return found == plan.mounts.end() ? nullptr : &*found;
}

TEST(PlanJailTest, LinksOfTheHostStayLinksAndDirectoriesAreMounted) {
  const auto plan = PlanJail({}, Debian());
  ASSERT_TRUE(plan.ok());
  ASSERT_NE(Find(*plan, "/bin", MountPlan::Kind::kSymlink), nullptr);
  EXPECT_EQ(Find(*plan, "/bin", MountPlan::Kind::kSymlink)->text, "usr/bin");
  EXPECT_NE(Find(*plan, "/usr", MountPlan::Kind::kMount), nullptr);
  EXPECT_NE(Find(*plan, "/etc/ld.so.cache", MountPlan::Kind::kFile), nullptr);
  EXPECT_NE(Find(*plan, "/work", MountPlan::Kind::kDirectory), nullptr);
}

TEST(PlanJailTest, OpenChoicesAreMadeByLevel) {
  SandboxSpec spec;
  spec.level = model::Level::kHigh;
  const auto high = PlanJail(spec, Debian());
  ASSERT_TRUE(high.ok());
  EXPECT_EQ(high->spec.network, model::NetworkMode::kNone);
  EXPECT_EQ(high->spec.launch, model::Launch::kSealed);
  EXPECT_TRUE(high->degraded.empty());
  const auto medium = PlanJail({}, Debian());
  ASSERT_TRUE(medium.ok());
  EXPECT_EQ(medium->spec.network, model::NetworkMode::kLoopback);
  EXPECT_EQ(medium->spec.launch, model::Launch::kStrict);
  EXPECT_TRUE(medium->degraded.empty());
}

TEST(PlanJailTest, UnsetWorkspaceSizeIsHalfOfTheMemoryAtMost) {
  SandboxSpec spec;
  spec.limits.memory = 64_MiB;
  EXPECT_EQ(PlanJail(spec, Debian())->spec.workspace.size, 32_MiB);
  spec.limits.memory = 512_MiB;
  EXPECT_EQ(PlanJail(spec, Debian())->spec.workspace.size, 100_MiB);
  spec.workspace.size = 513_MiB;
  EXPECT_EQ(ReasonOf(spec), "workspace_refused");
}

TEST(PlanJailTest, ASlotOfLevelLowServesOneJail) {
  SandboxSpec spec;
  spec.level = model::Level::kLow;
  const JailPlan plan = PlanJail(spec, Debian()).value();
  EXPECT_TRUE(plan.spec.fresh);
  EXPECT_EQ(plan.spec.network, model::NetworkMode::kLoopback);
  EXPECT_TRUE(plan.degraded.empty());
}

TEST(PlanJailTest, SealedNeedsNoNetwork) {
  SandboxSpec spec;
  spec.launch = model::Launch::kSealed;
  EXPECT_EQ(ReasonOf(spec), "spec_invalid");
  spec.network = model::NetworkMode::kNone;
  EXPECT_EQ(ReasonOf(spec), "");
}

TEST(PlanJailTest, BindSourcesThatCarryTheMachineAreRefused) {
  SandboxSpec spec;
  spec.binds = {{.source = {}, .target = GuestPath("/src"), .writable = false}};
  HostFacts facts = Debian();
  for (const char* source : {"/", "/run", "/proc", "/proc/1", "/sys", "/dev/shm", "/run/faber"}) {
    facts.binds = {Dir(source)};
    EXPECT_EQ(ReasonOf(spec, facts), "bind_refused") << source;
  }
  facts.binds = {Dir("/srv/x")};
  EXPECT_EQ(ReasonOf(spec, facts), "");
  facts.binds[0].kind = SourceFacts::Kind::kSymlink;
  EXPECT_EQ(ReasonOf(spec, facts), "bind_refused");
  facts.binds[0] = Dir("/mnt/p");
  facts.binds[0].kernel_interface = true;
  EXPECT_EQ(ReasonOf(spec, facts), "bind_refused");
}

TEST(PlanJailTest, BindTargetsStayOffTheEnginesObjects) {
  HostFacts facts = Debian();
  facts.binds = {Dir("/srv/x")};
  SandboxSpec spec;
  for (const char* target : {"/work", "/work/a", "/usr/x", "/etc/passwd", "/etc", "/proc", "/dev/x",
                             "/tmp/x", "/home", "/home/agent"}) {
    spec.binds = {{.source = {}, .target = GuestPath(target), .writable = false}};
    EXPECT_EQ(ReasonOf(spec, facts), "bind_refused") << target;
  }
  for (const char* target : {"src", "/", "/a/../b", "/a//b", "/a/", "/./a", "/a\nb", ""}) {
    spec.binds = {{.source = {}, .target = GuestPath(target), .writable = false}};
    EXPECT_EQ(ReasonOf(spec, facts), "spec_invalid") << target;
  }
}

TEST(PlanJailTest, OverlappingBindsAreRefused) {
  HostFacts facts = Debian();
  facts.binds = {Dir("/srv/x"), Dir("/srv/y")};
  SandboxSpec spec;
  spec.binds = {{.source = {}, .target = GuestPath("/a"), .writable = false},
                {.source = {}, .target = GuestPath("/a/b"), .writable = false}};
  EXPECT_EQ(ReasonOf(spec, facts), "bind_refused");
}

TEST(PlanJailTest, ADirectoryOfABoundTreeMayBeMadeReadOnlyAtItsPlace) {
  HostFacts facts = Debian();
  facts.binds = {Dir("/srv/x"), Dir("/srv/x/.git")};
  SandboxSpec spec;
  spec.binds = {{.source = {}, .target = GuestPath("/a"), .writable = true},
                {.source = {}, .target = GuestPath("/a/.git"), .writable = false}};
  EXPECT_EQ(ReasonOf(spec, facts), "");
  spec.binds[1].writable = true;
  EXPECT_EQ(ReasonOf(spec, facts), "bind_refused");
  spec.binds[1].writable = false;
  facts.binds[1] = Dir("/srv/other");
  EXPECT_EQ(ReasonOf(spec, facts), "bind_refused");
}

TEST(PlanJailTest, DiskWorkspaceMustBeTheCallersAlone) {
  SandboxSpec spec;
  spec.workspace.kind = model::WorkspaceKind::kDisk;
  HostFacts facts = Debian();
  EXPECT_EQ(ReasonOf(spec, facts), "workspace_refused");
  facts.workspace = Dir("/srv/w");
  EXPECT_EQ(ReasonOf(spec, facts), "");
  EXPECT_EQ(PlanJail(spec, facts)->workspace_limit, "none");
  facts.workspace->mode = 0755;
  EXPECT_EQ(ReasonOf(spec, facts), "workspace_refused");
  facts.workspace->mode = 0700;
  facts.workspace->uid = 7;
  EXPECT_EQ(ReasonOf(spec, facts), "workspace_refused");
}

TEST(PlanJailTest, HighWantsAWorkspaceLimitUnlessItMayBeMissing) {
  SandboxSpec spec;
  spec.level = model::Level::kHigh;
  spec.workspace.kind = model::WorkspaceKind::kDisk;
  HostFacts facts = Debian();
  facts.workspace = Dir("/srv/w");
  EXPECT_EQ(ReasonOf(spec, facts), "workspace_refused");
  spec.degrade = {"workspace_limit"};
  EXPECT_EQ(PlanJail(spec, facts)->degraded, (std::vector<std::string>{"workspace_limit"}));
}

TEST(PlanJailTest, LimitsHaveRangesAndTheErrorNamesFieldAndFlag) {
  struct Case {
    std::function<void(model::Limits&)> set;
    const char* flag;
  };
  const Case cases[] = {{[](auto& l) { l.memory = 1_KiB; }, "--memory"},
                        {[](auto& l) { l.pids = 0; }, "--pids"},
                        {[](auto& l) { l.cpu_millis = 1; }, "--cpus"},
                        {[](auto& l) { l.cpu_time = Nanos(1); }, "--cpu-time"},
                        {[](auto& l) { l.wall_time = Nanos(-5); }, "--wall-time"},
                        {[](auto& l) { l.open_files = 1; }, "--fds"},
                        {[](auto& l) { l.output = 0_B; }, "--output"}};
  for (const Case& each : cases) {
    SandboxSpec spec;
    each.set(spec.limits);
    const auto plan = PlanJail(spec, Debian());
    ASSERT_FALSE(plan.ok()) << each.flag;
    EXPECT_EQ(plan.error().reason, "spec_invalid");
    EXPECT_NE(plan.error().message.find(each.flag), std::string::npos) << plan.error().message;
  }
}

TEST(PlanJailTest, PolicyDiffersWithWhatASlotKeeps) {
  SandboxSpec spec;
  const std::string base = PlanJail(spec, Debian())->policy;
  spec.limits.memory = 64_MiB;
  spec.workspace.size = 1_MiB;
  EXPECT_EQ(PlanJail(spec, Debian())->policy, base);
  spec.hostname = "other";  // In the generated /etc/hosts.
  EXPECT_NE(PlanJail(spec, Debian())->policy, base);
}

TEST(PlanExecTest, ChecksArgvEnvironmentAndDirectory) {
  const JailPlan jail = *PlanJail({}, Debian());
  const auto reason = [&](const model::ExecSpec& spec) {
    const auto plan = PlanExec(spec, jail, Debian());
    return plan ? std::string() : plan.error().reason;
  };
  EXPECT_EQ(reason({}), "spec_invalid");
  model::ExecSpec spec;
  spec.argv = {"true"};
  EXPECT_EQ(reason(spec), "");
  spec.env = {"=x"};
  EXPECT_EQ(reason(spec), "spec_invalid");
  spec.env = {};
  spec.cwd = GuestPath("/proc/self/../x");
  EXPECT_EQ(reason(spec), "spec_invalid");
  spec.cwd = GuestPath("");
  spec.argv = {"true", std::string(200'000, 'x')};
  EXPECT_EQ(reason(spec), "spec_invalid");
  spec.argv = {"true"};
  spec.tty = true;
  EXPECT_EQ(reason(spec), "spec_invalid");
}

TEST(PlanJailTest, CoresDiskRatesAndFilesHaveRanges) {
  for (const char* cores : {"", "a", "1-", "-1", "1,,2", "1--2", "0 1"}) {
    SandboxSpec spec;
    spec.limits.cpu_set = cores;
    EXPECT_EQ(ReasonOf(spec), "spec_invalid") << cores;
  }
  SandboxSpec slow;
  slow.limits.io_read_rate = 1_KiB;
  EXPECT_EQ(ReasonOf(slow), "spec_invalid");
  SandboxSpec none;
  none.workspace.inodes = 0;
  EXPECT_EQ(ReasonOf(none), "spec_invalid");
  SandboxSpec disk;
  disk.workspace.kind = model::WorkspaceKind::kDisk;
  disk.workspace.inodes = 9;
  EXPECT_EQ(ReasonOf(disk), "workspace_refused");
  SandboxSpec good;
  good.limits.cpu_set = "0-2,5";
  good.limits.io_write_rate = 1_MiB;
  good.workspace.inodes = 20;
  const auto plan = PlanJail(good, Debian());
  ASSERT_TRUE(plan.ok()) << plan.error().ToString();
  EXPECT_EQ(plan->tmpfs_inodes, 26U) << "the tree's own six come on top";
}

TEST(PlanExecTest, WhatIsOfTheWholeSandboxCannotBeOfACommand) {
  const JailPlan jail = *PlanJail({}, Debian());
  model::ExecSpec spec;
  spec.argv = {"true"};
  spec.limits.cpu_set = "0";
  EXPECT_EQ(PlanExec(spec, jail, Debian()).error().reason, "spec_invalid");
}

TEST(PlanExecTest, ClampsToTheSandboxAndToTheInheritedHardLimit) {
  SandboxSpec sandbox;
  sandbox.limits.memory = 64_MiB;
  const JailPlan jail = *PlanJail(sandbox, Debian());
  model::ExecSpec spec;
  spec.argv = {"true"};
  spec.limits.memory = 1_GiB;
  spec.limits.open_files = 100'000;
  const auto plan = PlanExec(spec, jail, Debian());
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->spec.limits.memory, 64_MiB);
  const auto files = std::find_if(plan->rlimits.begin(), plan->rlimits.end(),
                                  [](const RlimitPlan& r) { return r.resource == RLIMIT_NOFILE; });
  ASSERT_NE(files, plan->rlimits.end());
  EXPECT_EQ(files->hard, 20'000U);
}

}  // namespace
}  // namespace fabro::jail::plan
