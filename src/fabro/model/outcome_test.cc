#include "fabro/model/outcome.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace fabro::model {
namespace {

Outcome Of(Fate fate) {
  Outcome outcome;
  outcome.fate = fate;
  return outcome;
}

TEST(ExitCodeTest, GivesTheGuestsOwnCodeOrTheLimitsCode) {
  Outcome exited = Of(Fate::kExited);
  exited.exit_code = 7;
  EXPECT_EQ(ExitCodeOf(exited), 7);
  Outcome killed = Of(Fate::kSignaled);
  killed.signal = 11;
  EXPECT_EQ(ExitCodeOf(killed), 139);
  EXPECT_EQ(ExitCodeOf(Of(Fate::kTimedOut)), 124);
  EXPECT_EQ(ExitCodeOf(Of(Fate::kCpuTimeLimit)), 124);
  EXPECT_EQ(ExitCodeOf(Of(Fate::kOutOfMemory)), 137);
  EXPECT_EQ(ExitCodeOf(Of(Fate::kCancelled)), 143);
  EXPECT_EQ(ExitCodeOf(Of(Fate::kOutputLimit)), 153);
  EXPECT_EQ(ExitCodeOf(Of(Fate::kPolicyViolation)), 159);
  EXPECT_EQ(ExitCodeOf(Of(Fate::kNotStarted)), 125);
}

TEST(ExitCodeTest, TellsNotFoundFromNotExecutable) {
  Outcome outcome = Of(Fate::kNotExecuted);
  outcome.sys_errno = ENOENT;
  EXPECT_EQ(ExitCodeOf(outcome), 127);
  outcome.sys_errno = EACCES;
  EXPECT_EQ(ExitCodeOf(outcome), 126);
}

TEST(LevelTest, WordsGoBothWays) {
  EXPECT_EQ(ParseLevel("high"), Level::kHigh);
  EXPECT_EQ(ParseLevel("High"), std::nullopt);
  EXPECT_EQ(ToString(Level::kMedium), "medium");
}

}  // namespace
}  // namespace fabro::model
