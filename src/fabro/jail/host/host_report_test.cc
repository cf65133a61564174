#include "fabro/jail/host/host_report.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace fabro::jail {
namespace {

TEST(HostReport, OnlyMissingNeededLayersStandInTheWay) {
  HostReport report;
  report.findings = {Ok("a", Need::kMedium, "made one"),
                     Missing("b", Need::kOptional, "slower", 0, "none"),
                     Missing("c", Need::kMedium, "failed", EPERM, "do this"),
                     Missing("d", Need::kHigh, "failed", EPERM, "do that")};
  const auto medium = Obstacles(report, model::Level::kMedium);
  ASSERT_EQ(medium.size(), 1U);
  EXPECT_EQ(medium[0]->layer, "c");
  EXPECT_EQ(Obstacles(report, model::Level::kHigh).size(), 2U);
}

TEST(HostReport, WhatIsNotBuiltIsNoObstacle) {
  HostReport report;
  report.findings = {{.layer = "landlock", .state = Availability::kNotBuilt, .need = Need::kHigh}};
  EXPECT_TRUE(Obstacles(report, model::Level::kHigh).empty());
}

}  // namespace
}  // namespace fabro::jail
