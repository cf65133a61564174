#include "apps/faber/policy_profile.h"

#include <gtest/gtest.h>

#include "apps/faber/syscall_options.h"

namespace fabro::faber {
namespace {

model::Violation Seen(std::string name, int sys_errno) {
  model::Violation violation;
  violation.syscall = violation.call = std::move(name);
  violation.sys_errno = sys_errno;
  return violation;
}

model::RunRequest LearningFor(model::Level level) {
  model::RunRequest request;
  request.sandbox.level = model::Level::kLow;
  request.sandbox.syscalls.learn = level;
  return request;
}

model::Outcome Ended(std::vector<model::Violation> violations) {
  model::Outcome outcome;
  outcome.fate = model::Fate::kExited;
  outcome.violations = std::move(violations);
  return outcome;
}

TEST(ProfileTest, HasAnOptionForEachCallThatLowLetsGoOn) {
  const Profile profile = ProfileOf(Ended({Seen("ptrace", 0), Seen("unshare", 0),
                                           Seen("bpf", EPERM), Seen("lsm_list_modules", 0)}),
                                    LearningFor(model::Level::kMedium));

  const std::vector<std::string> options = {"--level medium", "--allow-ptrace",
                                            "--allow-syscall unshare"};
  EXPECT_EQ(profile.options, options);
  EXPECT_TRUE(profile.complete);
  EXPECT_EQ(profile.refused, std::vector<std::string>{"bpf"});
  EXPECT_EQ(profile.soft, std::vector<std::string>{"lsm_list_modules"});
}

TEST(ProfileTest, WhatHighDoesNotTakeNeedsMedium) {
  const Profile profile =
      ProfileOf(Ended({Seen("io_setup", 0), Seen("mount", 0)}), LearningFor(model::Level::kHigh));

  const std::vector<std::string> options = {"--level medium", "--allow-syscall mount"};
  EXPECT_EQ(profile.options, options);
  EXPECT_EQ(ProfileOf(Ended({}), LearningFor(model::Level::kHigh)).options,
            std::vector<std::string>{"--level high"});
}

TEST(ProfileTest, SaysWhenTheCommandWasCutShort) {
  model::Outcome outcome = Ended({});
  outcome.fate = model::Fate::kTimedOut;
  EXPECT_NE(ToText(ProfileOf(outcome, LearningFor(model::Level::kMedium))).find("as far as"),
            std::string::npos);
}

TEST(PolicyJsonTest, HasClassAndReason) {
  const model::Json json = PolicyJson(seccomp::Level::kMedium, seccomp::Arch::kAarch64);
  EXPECT_EQ(json.StringAt("arch"), "aarch64");
  ASSERT_GT(json.Find("calls")->Items()->size(), 300U);
  for (const model::Json& call : *json.Find("calls")->Items()) {
    const std::string name = call.StringAt("name");
    EXPECT_NE(name, "open") << "x86_64 alone has it";
    if (name == "bpf") {
      EXPECT_EQ(call.StringAt("class"), "kill");
      EXPECT_FALSE(call.StringAt("why").empty());
    }
    if (name == "socket") {
      EXPECT_EQ(call.StringAt("class"), "by argument");
      EXPECT_EQ(call.Find("rules")->Items()->back().StringAt("condition"), "otherwise");
    }
  }
}

TEST(ExplainViolationsTest, SaysEachCallOnce) {
  model::RunRequest request;
  model::Violation one = Seen("ptrace", EPERM);
  one.call = "ptrace(PTRACE_TRACEME, 0)";
  one.comm = "strace";
  const std::string text = ExplainViolations(Ended({one, one}), request);
  EXPECT_EQ(text.find("strace"), text.rfind("strace (")) << text;
  EXPECT_NE(text.find("failed with EPERM at level medium"), std::string::npos) << text;
  EXPECT_NE(text.find("what allows it: --allow-ptrace, or --level low"), std::string::npos) << text;
  EXPECT_EQ(ExplanationsJson(Ended({one, one}), request).Items()->size(), 1U);
}

}  // namespace
}  // namespace fabro::faber
