// allowed_paths and blocked_paths without a kernel; supervise/paths_kernel_test.cc looks from
// inside.
#include "fabro/jail/plan/paths.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace fabro::jail::plan {
namespace {

using model::SandboxSpec;
using Kind = MountPlan::Kind;
using Place = PlaceFacts::Kind;

HostFacts Host() {
  HostFacts facts;
  facts.root_entries = {
      {.path = "/usr", .kind = RootEntry::Kind::kDirectory, .link = {}},
      {.path = "/bin", .kind = RootEntry::Kind::kSymlink, .link = "usr/bin"},
      {.path = "/etc/ssl/certs", .kind = RootEntry::Kind::kDirectory, .link = {}},
      {.path = "/etc/ld.so.cache", .kind = RootEntry::Kind::kFile, .link = {}},
  };
  return facts;
}

SandboxSpec Blocking(const std::vector<std::string>& paths) {
  SandboxSpec spec;
  for (const std::string& path : paths) spec.blocked_paths.emplace_back(path);
  return spec;
}

void Allow(SandboxSpec& spec, const std::vector<std::string>& paths) {
  spec.allowed_paths.emplace();
  for (const std::string& path : paths) spec.allowed_paths->emplace_back(path);
}

// As a jailer finds them: what is not said here is not there.
HostFacts With(const SandboxSpec& spec, std::vector<std::pair<std::string, Place>> there) {
  HostFacts facts = Host();
  const auto look = [&](const std::string& path) {
    for (const auto& [name, kind] : there) {
      if (name == path) return PlaceFacts{.kind = kind, .resolved = name};
    }
    return PlaceFacts{};
  };
  for (const GuestPath& path : spec.blocked_paths) facts.blocked.push_back(look(path.value()));
  if (spec.allowed_paths) {
    for (const GuestPath& path : *spec.allowed_paths) facts.allowed.push_back(look(path.value()));
  }
  return facts;
}

std::vector<std::string> Targets(const std::vector<WritablePlace>& places) {
  std::vector<std::string> targets;
  for (const WritablePlace& place : places) targets.push_back(place.target);
  return targets;
}

std::vector<std::string> Shown(const SandboxSpec& spec, const HostFacts& facts) {
  std::vector<std::string> names;
  for (const RootEntry& entry : facts.root_entries) {
    if (IsShown(spec, facts, entry)) names.push_back(entry.path);
  }
  return names;
}

using Names = std::vector<std::string>;

TEST(PathsTest, UnsetMeansTheUsualPlaces) {
  EXPECT_EQ(Targets(*PlanPlaces({}, Host())),
            (Names{"/work", "/tmp", "/var/tmp", "/dev/shm", "/home/agent"}));
}

TEST(PathsTest, TheSeedsDevelopmentListIsExact) {
  SandboxSpec spec = Blocking({"/proc", "/sys", "/dev", "/boot"});
  Allow(spec, {"/tmp", "/var/tmp"});
  const HostFacts facts = With(spec, {{"/proc", Place::kDirectory}, {"/dev", Place::kDirectory}});
  EXPECT_EQ(Targets(*PlanPlaces(spec, facts)), (Names{"/work", "/tmp", "/var/tmp"}));
  EXPECT_EQ(Shown(spec, facts), (Names{"/usr", "/bin", "/etc/ssl/certs", "/etc/ld.so.cache"}));
  EXPECT_TRUE(PlanMasks(spec, facts).empty());
  EXPECT_FALSE(NoProgramReachable(spec, facts));
}

TEST(PathsTest, TheSeedsHighProfileLoadsAndSaysThatNoProgramIsReachable) {
  SandboxSpec spec = Blocking({"/proc", "/sys", "/dev", "/boot", "/etc", "/var", "/usr"});
  Allow(spec, {});
  const HostFacts facts = With(spec, {{"/usr", Place::kDirectory}, {"/etc", Place::kDirectory}});
  EXPECT_EQ(Targets(*PlanPlaces(spec, facts)), Names{"/work"});
  EXPECT_EQ(Shown(spec, facts), Names{"/bin"});  // A link to nothing.
  EXPECT_TRUE(NoProgramReachable(spec, facts));
}

TEST(PathsTest, ALongerAllowedPathLiesInABlockedOne) {
  SandboxSpec spec = Blocking({"/usr"});
  Allow(spec, {"/usr/lib/x86_64-linux-gnu"});
  const HostFacts facts = With(spec, {{"/usr", Place::kDirectory}});
  const auto places = PlanPlaces(spec, facts);
  ASSERT_TRUE(places.ok()) << places.error().ToString();
  EXPECT_EQ(Targets(*places), (Names{"/work", "/usr/lib/x86_64-linux-gnu"}));
  const auto holders = PlanPlaceholders(spec, facts, *places);
  ASSERT_EQ(holders.size(), 1U);
  EXPECT_EQ(holders[0].target, "/usr");
  EXPECT_EQ(holders[0].mode, 0111U);
}

TEST(PathsTest, OnEqualLengthBlockedWins) {
  SandboxSpec spec = Blocking({"/tmp"});
  Allow(spec, {"/tmp", "/var/tmp"});
  EXPECT_EQ(Targets(*PlanPlaces(spec, With(spec, {}))), (Names{"/work", "/var/tmp"}));
}

TEST(PathsTest, ABlockedPathInsideWhatIsShownIsMasked) {
  const SandboxSpec spec = Blocking({"/usr/share", "/usr/bin/python3", "/usr/nothing"});
  const auto masks = PlanMasks(
      spec, With(spec, {{"/usr/share", Place::kDirectory}, {"/usr/bin/python3", Place::kFile}}));
  ASSERT_EQ(masks.size(), 2U);
  EXPECT_EQ(masks[0].target, "/usr/share");
  EXPECT_EQ(masks[0].kind, Kind::kEmptyDirectory);
  EXPECT_EQ(masks[0].mode, 0U);
  EXPECT_EQ(masks[1].target, "/usr/bin/python3");
  EXPECT_EQ(masks[1].kind, Kind::kCover);
}

TEST(PathsTest, ABlockedLinkMasksWhatItLeadsTo) {
  const SandboxSpec spec = Blocking({"/bin"});
  HostFacts facts = Host();
  facts.blocked = {{.kind = Place::kDirectory, .resolved = "/usr/bin"}};
  EXPECT_EQ(Shown(spec, facts), (Names{"/usr", "/etc/ssl/certs", "/etc/ld.so.cache"}));
  const auto masks = PlanMasks(spec, facts);
  ASSERT_EQ(masks.size(), 1U);
  EXPECT_EQ(masks[0].target, "/usr/bin");
}

TEST(PathsTest, AnAllowedPathThatCannotBeMadeIsNamed) {
  SandboxSpec spec;
  Allow(spec, {"/usr/nothing"});
  const auto places = PlanPlaces(spec, With(spec, {}));
  ASSERT_FALSE(places.ok());
  EXPECT_EQ(places.error().reason, "spec_invalid");
  EXPECT_FALSE(places.error().fix.empty());
}

TEST(PathsTest, PlacesOfTheEngineCannotBeAllowed) {
  for (const char* path : {"/proc/x", "/sys", "/dev", "/etc/ssl", "/"}) {
    SandboxSpec spec;
    Allow(spec, {path});
    EXPECT_FALSE(CheckPaths(spec).ok()) << path;
  }
  SandboxSpec spec;
  Allow(spec, {"/dev/shm", "/opt/x"});
  EXPECT_TRUE(CheckPaths(spec).ok());
}

TEST(PathsTest, FormsThatAreNotNormalisedAreRefused) {
  for (const char* path : {"relative", "/a/../b", "/a//b", "/a/", ""}) {
    EXPECT_FALSE(CheckPaths(Blocking({path})).ok()) << path;
  }
}

TEST(PathsTest, NamesOfTheTreeAreOneForEachPath) {
  SandboxSpec spec;
  Allow(spec, {"/opt/a-b", "/opt-a/b", "/opt/a%2Fb"});
  const auto places = PlanPlaces(spec, With(spec, {})).value();
  EXPECT_NE(places[1].name, places[2].name);
  EXPECT_NE(places[1].name, places[3].name);
  for (const WritablePlace& place : places) EXPECT_EQ(place.name.find('/'), std::string::npos);
}

TEST(PathsTest, APlaceInsideAnotherIsNotASecondOne) {
  SandboxSpec spec;
  Allow(spec, {"/opt/x/y", "/opt/x", "/opt/x", "/work/z"});
  EXPECT_EQ(Targets(*PlanPlaces(spec, With(spec, {}))), (Names{"/work", "/opt/x"}));
}

}  // namespace
}  // namespace fabro::jail::plan
