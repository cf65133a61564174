#include "fabro/jail/command_policy/policy.h"

#include <gtest/gtest.h>

namespace fabro::jail::command_policy {
namespace {

using model::PolicyVerdict;

model::PolicyDecision Of(std::vector<std::string> argv) {
  return Judge({.argv = std::move(argv), .env = {"HOME=/home/agent"}}, {}, NoResolver());
}

TEST(PolicyTest, RecursiveRemovalOfTheRootIsBlocked) {
  const auto decision = Of({"rm", "-rf", "/"});

  EXPECT_EQ(decision.verdict, PolicyVerdict::kBlock);
  EXPECT_EQ(decision.rule, "rm-root");
  EXPECT_TRUE(decision.refused);
}

TEST(PolicyTest, AListingIsAllowed) { EXPECT_EQ(Of({"ls", "-l"}).verdict, PolicyVerdict::kAllow); }

}  // namespace
}  // namespace fabro::jail::command_policy
