#include "apps/faber/contract.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace fabro::faber {
namespace {

using State = Verdict::State;

// What a probe saw in a sandbox of level medium on Linux 6.18.
Observed Seen() {
  Observed seen;
  seen.inside = ParseEvidence(
      "ns.cgroup cgroup:[2]\nns.ipc ipc:[2]\nns.mnt mnt:[2]\nns.net net:[2]\nns.pid pid:[2]\n"
      "ns.time time:[2]\nns.user user:[2]\nns.uts uts:[2]\n"
      "uid_map 0 131072 1;1000 131073 1;\ngid_map 0 131072 1;1000 131073 1;\nsetgroups deny;\n"
      "status.Uid 1000 1000 1000 1000\nstatus.CapInh 0000000000000000\n"
      "status.CapPrm 0000000000000000\nstatus.CapEff 0000000000000000\n"
      "status.CapBnd 0000000000000000\nstatus.CapAmb 0000000000000000\n"
      "status.NoNewPrivs 1\nstatus.Seccomp 2\ncgroup 4:memory:/;0::/;\n"
      "timens_offsets monotonic -1000 0;boottime -1000 0;\nboottime 1\nmounts 20\n"
      "mounts.tied 0\ncanary EACCES\nwrite.root EROFS\nwrite.usr EROFS\nproc.kcore ENOENT\n"
      "proc.sysrq ENOENT\nproc.core_pattern ENOENT\nsys.cgroup ENOENT\nproc.processes 1\n"
      "net.dev Inter-| Receive | Transmit;face |bytes |bytes;lo: 0 0;\n"
      "workspace.bytes 1048576\n");
  seen.outside = ParseEvidence(
      "ns.cgroup cgroup:[1]\nns.ipc ipc:[1]\nns.mnt mnt:[1]\nns.net net:[1]\nns.pid pid:[1]\n"
      "ns.time time:[1]\nns.user user:[1]\nns.uts uts:[1]\n"
      "init.cgroup 4:memory:/faber-0/jobs/s0/sup;\n");
  seen.info.landlock_abi = 7;
  seen.info.workspace_limit = "tmpfs";
  return seen;
}

State StateOf(const Observed& seen, std::string_view layer) {
  const auto verdicts = JudgeLayers(seen);
  const auto found = std::ranges::find_if(
      verdicts, [&](const Verdict& verdict) { return verdict.layer == layer; });
  EXPECT_NE(found, verdicts.end()) << layer;
  return found == verdicts.end() ? State::kFail : found->state;
}

TEST(ContractTest, WhatWasSeenInAGoodSandboxHolds) {
  for (const Verdict& verdict : JudgeLayers(Seen())) {
    EXPECT_EQ(verdict.state, State::kPass) << verdict.layer << ": " << verdict.evidence;
    EXPECT_FALSE(verdict.evidence.empty()) << verdict.layer;
  }
}

TEST(ContractTest, WhatWasNotSeenDoesNotHold) {
  Observed nothing;
  nothing.info.workspace_limit = "none";
  for (const Verdict& verdict : JudgeLayers(nothing)) {
    EXPECT_EQ(verdict.state, State::kFail) << verdict.layer << ": " << verdict.evidence;
  }
}

TEST(ContractTest, EachFactThatIsWrongBreaksItsLayerAlone) {
  struct Case {
    const char* key;
    const char* value;
    const char* layer;
  };
  const Case cases[] = {{"ns.net", "net:[1]", "namespaces"},
                        {"mounts.tied", "3", "namespaces"},
                        {"uid_map", "0 0 4294967295;", "identity"},
                        {"uid_map", "0 0 1;1000 131073 1;", "identity"},
                        {"setgroups", "allow;", "identity"},
                        {"status.Uid", "0 0 0 0", "identity"},
                        {"status.CapBnd", "0000000000000001", "capabilities"},
                        {"status.NoNewPrivs", "0", "capabilities"},
                        {"status.Seccomp", "0", "seccomp"},
                        {"canary", "OK", "landlock"},
                        {"canary", "ENOENT", "landlock"},
                        {"cgroup", "4:memory:/faber-0/jobs;0::/;", "cgroup"},
                        {"sys.cgroup", "OK", "cgroup"},
                        {"write.root", "OK", "root"},
                        {"proc.processes", "300", "proc"},
                        {"proc.core_pattern", "OK", "proc"},
                        {"timens_offsets", "monotonic 0 0;boottime 0 0;", "time_ns"},
                        {"timens_offsets", "EACCES", "time_ns"},
                        {"net.dev", "Inter;face;lo: 0;eth0: 0;", "network"}};
  for (const Case& each : cases) {
    Observed seen = Seen();
    seen.inside[each.key] = each.value;
    for (const Verdict& verdict : JudgeLayers(seen)) {
      EXPECT_EQ(verdict.state, verdict.layer == each.layer ? State::kFail : State::kPass)
          << each.key << " " << each.value << ", " << verdict.layer << ": " << verdict.evidence;
    }
  }
}

TEST(ContractTest, WhatTheSandboxSaysItLacksIsDegradedAndNeverHeld) {
  Observed seen = Seen();
  seen.info.degraded = {"landlock"};
  seen.info.landlock_abi = 0;
  seen.inside["canary"] = "OK";
  EXPECT_EQ(StateOf(seen, "landlock"), State::kDegraded);
  const Status status = HoldsAll(JudgeLayers(seen), {"seccomp", "landlock"});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().reason, "isolation_unavailable");
  EXPECT_NE(status.error().message.find("'landlock'"), std::string::npos);
  EXPECT_NE(status.error().message.find("canary OK"), std::string::npos) << status.error().message;
  EXPECT_TRUE(HoldsAll(JudgeLayers(seen), {"seccomp", "cgroup"}).ok());
}

TEST(ContractTest, LowHasNoLandlockToSpeakOf) {
  Observed seen = Seen();
  seen.spec.level = model::Level::kLow;
  for (const Verdict& verdict : JudgeLayers(seen)) EXPECT_NE(verdict.layer, "landlock");
  EXPECT_FALSE(HoldsAll(JudgeLayers(seen), {"landlock"}).ok());
}

TEST(ContractTest, LinesWithoutSenseAreHarmless) {
  EXPECT_TRUE(ParseEvidence("").empty());
  EXPECT_TRUE(ParseEvidence("\n\n \n").empty());
  EXPECT_EQ(ParseEvidence("key").at("key"), "");
  // The first of a kind counts: what comes later cannot talk it away.
  EXPECT_EQ(ParseEvidence("a 1\na 2\n").at("a"), "1");
}

}  // namespace
}  // namespace fabro::faber
