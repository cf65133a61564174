#include "fabro/model/capability.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace fabro::model {
namespace {

std::string Ask(std::vector<std::string> names, Level level) {
  const auto mask = CapabilityMask("--cap", names, level);
  return mask ? std::to_string(*mask) : mask.error().reason + ": " + mask.error().message;
}

TEST(CapabilityTest, EachLevelGivesWhatItsTableSays) {
  EXPECT_EQ(Ask({}, Level::kHigh), "0");
  EXPECT_EQ(Ask({"CAP_CHOWN", "CAP_SYS_CHROOT"}, Level::kMedium), "262145");
  EXPECT_EQ(Ask({"CAP_NET_ADMIN"}, Level::kLow), "4096");
  EXPECT_EQ(Ask({"CAP_NET_ADMIN"}, Level::kMedium),
            "capability_refused: --cap: CAP_NET_ADMIN: it is for level low only");
  EXPECT_EQ(Ask({"CAP_CHOWN"}, Level::kHigh),
            "capability_refused: --cap: CAP_CHOWN: level high has no capabilities");
}

TEST(CapabilityTest, RightsOverTheMachineAreNobodys) {
  for (const char* name : {"CAP_SYS_MODULE", "CAP_SYS_ADMIN", "CAP_SETUID", "CAP_BPF",
                           "CAP_DAC_READ_SEARCH", "CAP_SYS_TIME"}) {
    for (const Level level : {Level::kLow, Level::kMedium, Level::kHigh}) {
      EXPECT_TRUE(Ask({name}, level).starts_with("capability_refused")) << name;
    }
  }
}

TEST(CapabilityTest, AnUnknownNameComesWithTheNearest) {
  const auto mask = CapabilityMask("--cap", std::vector<std::string>{"CAP_CHWON"}, Level::kMedium);
  ASSERT_FALSE(mask.ok());
  EXPECT_EQ(mask.error().fix, "did you mean CAP_CHOWN?");
}

}  // namespace
}  // namespace fabro::model
