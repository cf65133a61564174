#include "fabro/jail/supervise/classify.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <functional>

namespace fabro::jail::supervise {
namespace {

using cgroup::OomSource;
using model::Fate;

ExecFacts Exited(int code) {
  ExecFacts facts;
  facts.leader_ended = true;
  facts.leader_status = code;
  return facts;
}

ExecFacts Killed(int signal) {
  ExecFacts facts = Exited(signal);
  facts.leader_signaled = true;
  return facts;
}

ExecFacts FailedAt(wire::Step step, int error) {
  ExecFacts facts = Exited(1);
  facts.failed = wire::Failed{};
  facts.failed->step = static_cast<std::uint16_t>(step);
  facts.failed->sys_errno = error;
  return facts;
}

model::Outcome OutcomeOf(const ExecFacts& facts) {
  model::Outcome outcome;
  Classify(facts, outcome);
  return outcome;
}

TEST(ClassifyTest, EachFactGivesItsFate) {
  struct Case {
    Fate fate;
    ExecFacts facts;
  };
  const auto with = [](ExecFacts facts, const std::function<void(ExecFacts&)>& change) {
    change(facts);
    return facts;
  };
  const Case cases[] = {
      {Fate::kExited, Exited(0)},
      {Fate::kExited, Exited(7)},
      {Fate::kSignaled, Killed(SIGSEGV)},
      {Fate::kPolicyViolation, Killed(SIGSYS)},
      {Fate::kPolicyViolation, with(Exited(0), [](auto& f) { f.killed_for_violation = true; })},
      {Fate::kOutOfMemory, with(Killed(SIGKILL), [](auto& f) { f.oom = OomSource::kOwn; })},
      {Fate::kAncestorOutOfMemory,
       with(Killed(SIGKILL), [](auto& f) { f.oom = OomSource::kAncestor; })},
      {Fate::kOutputLimit, with(Killed(SIGKILL), [](auto& f) { f.output_limit = true; })},
      {Fate::kCpuTimeLimit, with(Killed(SIGKILL), [](auto& f) { f.cpu_time_limit = true; })},
      {Fate::kTimedOut, with(Killed(SIGKILL), [](auto& f) { f.wall_time_limit = true; })},
      {Fate::kCancelled, with(Killed(SIGTERM), [](auto& f) { f.cancelled = true; })},
      {Fate::kPidsLimit, with(Exited(1), [](auto& f) { f.pids_limit_hits = 1; })},
      {Fate::kExited, with(Exited(0), [](auto& f) { f.pids_limit_hits = 1; })},
      {Fate::kNotExecuted, FailedAt(wire::Step::kExecve, ENOENT)},
      {Fate::kNotExecuted, FailedAt(wire::Step::kWorkdir, ENOENT)},
      {Fate::kOutOfMemory, FailedAt(wire::Step::kExecve, ENOMEM)},
      {Fate::kInfrastructureFailure, FailedAt(wire::Step::kSeccomp, EINVAL)},
      {Fate::kInfrastructureFailure, {}},
      {Fate::kInfrastructureFailure, with(Exited(0), [](auto& f) { f.infrastructure = "x"; })},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(ToString(OutcomeOf(each.facts).fate), ToString(each.fate));
  }
}

TEST(ClassifyTest, TheFirstInTheOrderOfSection13Wins) {
  // Every fact at once; taking away the winner each time shows the next.
  ExecFacts facts = Killed(SIGKILL);
  facts.killed_for_violation = true;
  facts.oom = OomSource::kOwn;
  facts.output_limit = facts.cpu_time_limit = facts.wall_time_limit = facts.cancelled = true;
  facts.pids_limit_hits = 1;
  EXPECT_EQ(OutcomeOf(facts).fate, Fate::kPolicyViolation);
  facts.killed_for_violation = false;
  EXPECT_EQ(OutcomeOf(facts).fate, Fate::kOutOfMemory);
  facts.oom = OomSource::kNone;
  EXPECT_EQ(OutcomeOf(facts).fate, Fate::kOutputLimit);
  facts.output_limit = false;
  EXPECT_EQ(OutcomeOf(facts).fate, Fate::kCpuTimeLimit);
  facts.cpu_time_limit = false;
  EXPECT_EQ(OutcomeOf(facts).fate, Fate::kTimedOut);
  facts.wall_time_limit = false;
  EXPECT_EQ(OutcomeOf(facts).fate, Fate::kCancelled);
  facts.cancelled = false;
  EXPECT_EQ(OutcomeOf(facts).fate, Fate::kPidsLimit);
  facts.pids_limit_hits = 0;
  EXPECT_EQ(OutcomeOf(facts).fate, Fate::kSignaled);
}

TEST(ClassifyTest, AFailedStepNamesItselfItsObjectAndTheErrno) {
  ExecFacts facts = FailedAt(wire::Step::kExecve, ENOENT);
  facts.failed->object[0] = '/';
  facts.failed->object[1] = 'x';
  const model::Outcome outcome = OutcomeOf(facts);
  EXPECT_EQ(outcome.message, "execute /x: ENOENT");
  EXPECT_EQ(outcome.sys_errno, ENOENT);
  EXPECT_EQ(model::ExitCodeOf(outcome), 127);
}

}  // namespace
}  // namespace fabro::jail::supervise
