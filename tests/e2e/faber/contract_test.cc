// The isolation contract as users meet it: what is required is proved or nothing runs, and the
// self-test says of each invariant what the kernel said.
#include "tests/e2e/faber/faber_run.h"

namespace fabro::e2e {
namespace {

class Contract : public FaberTest {};

TEST_F(Contract, WhatIsRequiredIsProvedBeforeTheCommandStarts) {
  const Done done = Faber({"run", "--require",
                           "namespaces,identity,capabilities,seccomp,landlock,cgroup,root,proc,"
                           "time_ns,network,workspace_limit",
                           "--", "echo", "ran"});
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(done.out, "ran\n");
}

TEST_F(Contract, WhatDoesNotHoldIsNamedAndNothingRuns) {
  auto dir = Faber({"run", "--level", "medium", "--require", "workspace_limit", "--workspace",
                    "disk:/nonexistent-faber", "--", "echo", "ran"});
  EXPECT_EQ(dir.status, 125);
  EXPECT_EQ(dir.out, "");
}

TEST_F(Contract, ListsThatContradictEachOtherAreRefused) {
  struct Case {
    Words args;
    const char* says;
  };
  const Case cases[] = {
      {{"--require", "secomp"}, "did you mean 'seccomp'?"},
      {{"--require", "seccomp,,landlock"}, "'' is no layer"},
      {{"--degrade", "landlok"}, "did you mean 'landlock'?"},
      {{"--degrade", "cgroup"}, "'cgroup' cannot be given up"},
      {{"--require", "landlock", "--degrade", "landlock"}, "required and may be missing"},
      {{"--require", "landlock", "--level", "low"}, "level low does not have 'landlock'"}};
  for (const Case& each : cases) {
    Words args = {"run"};
    args.insert(args.end(), each.args.begin(), each.args.end());
    args.insert(args.end(), {"--", "true"});
    const Done done = Faber(args);
    EXPECT_EQ(done.status, 125) << each.says;
    EXPECT_NE(done.err.find(each.says), std::string::npos) << done.err;
  }
}

TEST_F(Contract, SelftestHoldsAtEachLevelAndGivesItsEvidence) {
  for (const char* level : {"low", "medium", "high"}) {
    const Done done = Faber({"selftest", "--level", level, "--json"});
    EXPECT_EQ(done.status, 0) << level << done.out << done.err;
    const model::Json json = JsonOf(done);
    ASSERT_NE(json.Find("invariants"), nullptr) << done.out;
    EXPECT_GT(json.Find("invariants")->Items()->size(), 30U);
    for (const model::Json& one : *json.Find("invariants")->Items()) {
      EXPECT_EQ(one.StringAt("state"), "PASS") << one.Dump();
      EXPECT_NE(one.StringAt("evidence"), "") << one.Dump();
    }
  }
}

TEST_F(Contract, SelftestPrintsOneLineAnInvariant) {
  const Done done = Faber({"selftest"});
  EXPECT_EQ(done.status, 0) << done.out;
  EXPECT_NE(done.out.find("PASS     namespaces"), std::string::npos) << done.out;
  EXPECT_NE(done.out.find("killed for "), std::string::npos) << done.out;
  EXPECT_NE(done.out.find(" 0 failed\n"), std::string::npos) << done.out;
  EXPECT_EQ(Faber({"selftest", "--level", "extreme"}).status, 2);
  EXPECT_EQ(Faber({"selftest", "--degrade", "cgroup"}).status, 2);
}

}  // namespace
}  // namespace fabro::e2e
