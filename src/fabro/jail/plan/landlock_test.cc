#include "fabro/jail/plan/landlock.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "fabro/jail/child/landlock_wire.h"
#include "fabro/jail/plan/plan.h"

namespace fabro::jail::plan {
namespace {

using model::SandboxSpec;

HostFacts Kernel(int abi, int sys_errno = 0) {
  HostFacts facts;
  facts.root_entries = {{"/usr", RootEntry::Kind::kDirectory, ""},
                        {"/bin", RootEntry::Kind::kSymlink, "usr/bin"},
                        {"/init", RootEntry::Kind::kFile, ""},
                        {"/etc/alternatives", RootEntry::Kind::kDirectory, ""}};
  facts.landlock_abi = abi;
  facts.landlock_errno = sys_errno;
  return facts;
}

SandboxSpec At(model::Level level) {
  SandboxSpec spec;
  spec.level = level;
  return spec;
}

std::uint64_t AccessTo(const LandlockPlan& plan, std::string_view path) {
  const auto found = std::find_if(plan.rules.begin(), plan.rules.end(),
                                  [&](const LandlockRule& rule) { return rule.path == path; });
  return found == plan.rules.end() ? 0 : found->access;
}

TEST(LandlockPlanTest, RulesMirrorTheMounts) {
  const auto plan = PlanJail({}, Kernel(7));
  ASSERT_TRUE(plan.ok());
  const LandlockPlan& rules = plan->landlock;
  EXPECT_EQ(AccessTo(rules, "/"), landlock::kReadDir);
  EXPECT_EQ(AccessTo(rules, "/usr"), landlock::kReadDir | landlock::kReadFile | landlock::kExecute);
  EXPECT_EQ(AccessTo(rules, "/init"), landlock::kReadFile | landlock::kExecute);
  EXPECT_EQ(AccessTo(rules, "/etc"), landlock::kReadDir | landlock::kReadFile);
  EXPECT_EQ(AccessTo(rules, "/proc") & landlock::kExecute, 0U);
  for (const char* writable : {"/work", "/tmp", "/var/tmp", "/home/agent", "/dev/shm"}) {
    const std::uint64_t access = AccessTo(rules, writable);
    EXPECT_NE(access & landlock::kMakeReg, 0U) << writable;
    EXPECT_EQ(access & (landlock::kMakeChar | landlock::kMakeBlock), 0U) << writable;
  }
  EXPECT_EQ(AccessTo(rules, kLandlockCanary), 0U);
  EXPECT_EQ(AccessTo(rules, "/bin"), 0U) << "a link has no rule";
  EXPECT_EQ(AccessTo(rules, "/dev/pts"), 0U) << "no terminal was asked for";
}

TEST(LandlockPlanTest, BindsGetWhatTheyWereGiven) {
  SandboxSpec spec;
  spec.binds = {{HostPath("/srv/ro"), GuestPath("/ro"), false},
                {HostPath("/srv/rw"), GuestPath("/rw"), true},
                {HostPath("/srv/file"), GuestPath("/conf/file"), true}};
  HostFacts facts = Kernel(7);
  for (const char* path : {"/srv/ro", "/srv/rw", "/srv/file"}) {
    SourceFacts source;
    source.path = path;
    source.kind = path[5] == 'f' ? SourceFacts::Kind::kFile : SourceFacts::Kind::kDirectory;
    facts.binds.push_back(source);
  }
  const auto plan = PlanJail(spec, facts);
  ASSERT_TRUE(plan.ok()) << plan.error().ToString();
  EXPECT_EQ(AccessTo(plan->landlock, "/ro"),
            landlock::kReadDir | landlock::kReadFile | landlock::kExecute);
  EXPECT_NE(AccessTo(plan->landlock, "/rw") & landlock::kMakeReg, 0U);
  EXPECT_EQ(AccessTo(plan->landlock, "/conf/file") & ~landlock::kOfFiles, 0U);
  EXPECT_NE(AccessTo(plan->landlock, "/conf/file") & landlock::kWriteFile, 0U);
}

TEST(LandlockPlanTest, NoRightIsHandledThatTheKernelDoesNotKnow) {
  struct Case {
    int abi;
    std::uint64_t newest;
    std::uint64_t unknown;
  };
  const Case cases[] = {{1, landlock::kMakeSym, landlock::kRefer},
                        {2, landlock::kRefer, landlock::kTruncate},
                        {4, landlock::kTruncate, landlock::kIoctlDev},
                        {5, landlock::kIoctlDev, landlock::kIoctlDev << 1U},
                        {99, landlock::kIoctlDev, landlock::kIoctlDev << 1U}};
  for (const Case& each : cases) {
    const auto plan = PlanJail({}, Kernel(each.abi));
    ASSERT_TRUE(plan.ok()) << each.abi;
    EXPECT_NE(plan->landlock.handled_fs & each.newest, 0U) << each.abi;
    EXPECT_EQ(plan->landlock.handled_fs & each.unknown, 0U) << each.abi;
    EXPECT_EQ(plan->landlock.scoped != 0, each.abi >= 6) << each.abi;
    for (const LandlockRule& rule : plan->landlock.rules) {
      EXPECT_EQ(rule.access & ~plan->landlock.handled_fs, 0U) << rule.path;
      EXPECT_NE(rule.access, 0U) << rule.path;
    }
  }
  EXPECT_EQ(PlanJail({}, Kernel(99))->landlock.abi, 7);
}

TEST(LandlockPlanTest, TcpIsDeniedWholeWithoutANetwork) {
  SandboxSpec spec;
  EXPECT_EQ(PlanJail(spec, Kernel(7))->landlock.handled_net, 0U);
  spec.network = model::NetworkMode::kNone;
  EXPECT_EQ(PlanJail(spec, Kernel(7))->landlock.handled_net,
            landlock::kBindTcp | landlock::kConnectTcp);
  EXPECT_EQ(PlanJail(spec, Kernel(3))->landlock.handled_net, 0U);
}

TEST(LandlockPlanTest, HighRefusesAKernelWithTooLittleAndNamesTheCause) {
  for (const auto& [abi, sys_errno, fix] :
       {std::tuple(0, ENOSYS, "CONFIG_SECURITY_LANDLOCK"), std::tuple(0, EOPNOTSUPP, "lsm="),
        std::tuple(0, EPERM, "seccomp filter around"), std::tuple(1, 0, "5.19")}) {
    const auto plan = PlanJail(At(model::Level::kHigh), Kernel(abi, sys_errno));
    ASSERT_FALSE(plan.ok()) << abi;
    EXPECT_EQ(plan.error().reason, "isolation_unavailable");
    EXPECT_EQ(plan.error().sys_errno, sys_errno);
    EXPECT_NE(plan.error().message.find("Landlock"), std::string::npos);
    EXPECT_NE(plan.error().fix.find(fix), std::string::npos) << plan.error().fix;
  }
}

TEST(LandlockPlanTest, ItIsMissedOnlyByPermissionAtHighAndAlwaysSaid) {
  SandboxSpec spec = At(model::Level::kHigh);
  spec.degrade = {"landlock"};
  const auto high = PlanJail(spec, Kernel(0, ENOSYS));
  ASSERT_TRUE(high.ok());
  EXPECT_EQ(high->degraded, std::vector<std::string>{"landlock"});
  EXPECT_EQ(high->landlock, LandlockPlan());
  const auto medium = PlanJail({}, Kernel(0, ENOSYS));
  ASSERT_TRUE(medium.ok());
  EXPECT_EQ(medium->degraded, std::vector<std::string>{"landlock"});
  // What may be missing is used all the same where it is there.
  EXPECT_EQ(PlanJail(spec, Kernel(7))->landlock.abi, 7);
  EXPECT_TRUE(PlanJail(spec, Kernel(7))->degraded.empty());
}

}  // namespace
}  // namespace fabro::jail::plan
