#include "fabro/model/layers.h"

#include <gtest/gtest.h>

#include <vector>

namespace fabro::model {
namespace {

using Words = std::vector<std::string>;

TEST(LayersTest, AMistypedLayerIsToldTheNearestOne) {
  const Status require = CheckLayerWord("--require", "secomp", false);
  ASSERT_FALSE(require.ok());
  EXPECT_EQ(require.error().reason, "bad_option");
  EXPECT_NE(require.error().fix.find("did you mean 'seccomp'?"), std::string::npos);
  const Status degrade = CheckLayerWord("--degrade", "landlok", true);
  EXPECT_NE(degrade.error().fix.find("did you mean 'landlock'?"), std::string::npos);
  EXPECT_EQ(CheckLayerWord("--degrade", "quantum", true).error().fix.find("did you"),
            std::string::npos);
}

TEST(LayersTest, WhatCannotBeGivenUpIsRefusedByName) {
  for (const char* word : {"cgroup", "proc", "time_ns", "seccomp", "namespaces"}) {
    const Status status = CheckLayerWord("--degrade", word, true);
    ASSERT_FALSE(status.ok()) << word;
    EXPECT_NE(status.error().message.find("cannot be given up"), std::string::npos);
    EXPECT_NE(status.error().fix.find("landlock, workspace_limit"), std::string::npos);
  }
  EXPECT_TRUE(CheckLayerWord("--degrade", "landlock", true).ok());
  EXPECT_TRUE(CheckLayerWord("--degrade", "workspace_limit", true).ok());
}

TEST(LayersTest, ContradictionsAreRefused) {
  const Words landlock = {"landlock"};
  EXPECT_TRUE(CheckContract("--require", landlock, {}, Level::kMedium).ok());
  EXPECT_FALSE(CheckContract("--require", landlock, landlock, Level::kMedium).ok());
  EXPECT_FALSE(CheckContract("--require", landlock, {}, Level::kLow).ok());
  EXPECT_TRUE(CheckContract("--require", Words{"seccomp"}, landlock, Level::kHigh).ok());
}

}  // namespace
}  // namespace fabro::model
