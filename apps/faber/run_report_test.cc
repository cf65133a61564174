#include "apps/faber/run_report.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace fabro::faber {
namespace {

using model::Fate;

std::string Line(Fate fate, const model::Usage& usage = {}) {
  model::RunRequest request;
  request.exec.limits = model::DefaultLimits();
  request.exec.argv = {"tool"};
  model::Outcome outcome;
  outcome.fate = fate;
  outcome.usage = usage;
  outcome.sys_errno = fate == Fate::kNotExecuted ? ENOENT : 0;
  return Explain(outcome, request).value_or("");
}

TEST(Explain, ALimitSaysWhichHowMuchAndTheOptionThatRaisesIt) {
  model::Usage usage;
  usage.memory_peak = 512_MiB;
  usage.cpu_time = std::chrono::seconds(31);
  usage.wall_time = std::chrono::seconds(61);
  usage.pids_peak = 10;
  EXPECT_NE(Line(Fate::kOutOfMemory, usage).find("used 512 MiB"), std::string::npos)
      << Line(Fate::kOutOfMemory, usage);
  EXPECT_NE(Line(Fate::kOutOfMemory, usage).find("--memory"), std::string::npos);
  EXPECT_NE(Line(Fate::kCpuTimeLimit, usage).find("--cpu-time"), std::string::npos);
  EXPECT_NE(Line(Fate::kTimedOut, usage).find("--wall-time"), std::string::npos);
  EXPECT_NE(Line(Fate::kPidsLimit, usage).find("10 processes"), std::string::npos);
  EXPECT_NE(Line(Fate::kPidsLimit, usage).find("--pids"), std::string::npos);
  EXPECT_NE(Line(Fate::kOutputLimit, usage).find("--output"), std::string::npos);
}

TEST(Explain, ACommandThatEndedByItselfNeedsNoLine) {
  EXPECT_EQ(Line(Fate::kExited), "");
  EXPECT_EQ(Line(Fate::kSignaled), "");
}

TEST(Explain, WhatCouldNotRunIsNamed) {
  EXPECT_NE(Line(Fate::kNotExecuted).find("tool: command not found inside"), std::string::npos);
  EXPECT_FALSE(Line(Fate::kInfrastructureFailure).empty());
}

TEST(Explain, AWorkingDirectoryThatIsNotThereIsNotACommandThatIsNotThere) {
  model::RunRequest request;
  request.exec.argv = {"true"};
  request.exec.cwd = GuestPath("/nope");
  model::Outcome outcome;
  outcome.fate = Fate::kNotExecuted;
  outcome.sys_errno = ENOENT;
  outcome.no_work_dir = true;
  const std::string line = *Explain(outcome, request);
  EXPECT_NE(line.find("--cwd /nope: no directory"), std::string::npos) << line;
}

TEST(Explain, AViolationNamesTheCallAndTheProcessThatWasKilled) {
  model::RunRequest request;
  model::Outcome outcome;
  outcome.fate = Fate::kPolicyViolation;
  outcome.violations = {{"socket", "socket(AF_INET6)", 3, "curl", false},
                        {"mount", "mount(\"a\", \"b\")", 4, "sh", true}};
  const std::string line = *Explain(outcome, request);
  EXPECT_NE(line.find("mount(\"a\", \"b\") by sh (pid 4) and 1 more"), std::string::npos) << line;
  EXPECT_NE(line.find("what allows it: --allow-syscall mount, or --level low"), std::string::npos)
      << line;
}

}  // namespace
}  // namespace fabro::faber
