#include "fabro/linux/cgroup/hierarchy.h"

#include <gtest/gtest.h>

#include "fabro/linux/file.h"
#include "fabro/linux/scoped_dir.h"

namespace fabro::cgroup {
namespace {

class HierarchyTest : public ::testing::Test {
 protected:
  TempDir temp_ = TempDir::Make("fabro-cgroup-test").value();

  std::string V1(const std::string& name, const std::string& root = "/") const {
    return "32 31 0:29 " + root + " " + temp_.path() + "/" + name +
           " rw,nosuid - cgroup cgroup rw," + name + "\n";
  }
  std::string V2(const std::string& own, const std::string& controllers) const {
    const std::string dir = temp_.path() + "/unified";
    EXPECT_TRUE(MakeDirs(dir + "/" + own));
    EXPECT_TRUE(WriteFile(dir + "/" + own + "/cgroup.controllers", controllers));
    return "41 31 0:38 / " + dir + " rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
  }
};

TEST_F(HierarchyTest, OneTreeWithAllControllersIsV2) {
  const std::string mounts = V2("a.slice/b.scope", "cpuset cpu io memory pids\n");
  const Hierarchy found = DetectFrom("0::/a.slice/b.scope\n", mounts).value();

  EXPECT_EQ(found.mode, Mode::kV2);
  ASSERT_EQ(found.places.size(), 1U);
  EXPECT_EQ(found.places[0].own_path, "a.slice/b.scope");
  EXPECT_TRUE(found.places[0].controllers.Has(Controller::kMemory));
  EXPECT_FALSE(found.places[0].controllers.Has(Controller::kCpuacct));
}

TEST_F(HierarchyTest, HybridTakesLimitsFromV1AndTheRestFromV2) {
  const std::string mounts = V1("cpu") + V1("memory") + V1("pids") + V2("", "hugetlb\n");
  const Hierarchy found = DetectFrom("3:memory:/m\n2:pids:/\n1:cpu:/\n0::/\n", mounts).value();

  EXPECT_EQ(found.mode, Mode::kHybrid);
  ASSERT_EQ(found.places.size(), 4U);
  EXPECT_EQ(found.places[0].version, Version::kV2) << "the v2 tree comes first";
  EXPECT_TRUE(found.places[0].controllers.empty());
  EXPECT_EQ(found.places[1].own_path, "m");
}

TEST_F(HierarchyTest, PureV1TakesFreezerAndCpuacctToo) {
  const std::string mounts = V1("cpu,cpuacct") + V1("memory") + V1("pids") + V1("freezer");
  const Hierarchy found =
      DetectFrom("4:freezer:/\n3:memory:/\n2:pids:/\n1:cpu,cpuacct:/\n", mounts).value();

  EXPECT_EQ(found.mode, Mode::kV1);
  ASSERT_EQ(found.places.size(), 4U) << "cpu and cpuacct share a mount";
  EXPECT_TRUE(found.places[2].controllers.Has(Controller::kCpu));
  EXPECT_TRUE(found.places[2].controllers.Has(Controller::kCpuacct));
}

TEST_F(HierarchyTest, APathBelowTheMountsRootIsRelativeToIt) {
  const std::string mounts =
      V1("cpu", "/docker/1") + V1("memory", "/docker/1") + V1("pids", "/docker/1") + V2("", "");
  const Hierarchy found =
      DetectFrom("3:memory:/docker/1/x\n2:pids:/docker/1\n1:cpu:/docker/1\n0::/\n", mounts).value();
  EXPECT_EQ(found.places[1].own_path, "x");
  EXPECT_EQ(found.places[2].own_path, "");
}

TEST_F(HierarchyTest, AGroupThatTheMountDoesNotShowIsNoPlaceForUs) {
  for (const char* own : {"/docker/10", "/../x", "/other"}) {
    const std::string mounts = V1("cpu") + V1("memory", "/docker/1") + V1("pids") + V2("", "");
    const std::string groups = std::string("3:memory:") + own + "\n2:pids:/\n1:cpu:/\n0::/\n";
    EXPECT_EQ(DetectFrom(groups, mounts).error().reason, kUnavailable) << own;
  }
}

TEST_F(HierarchyTest, AMissingControllerIsNamedWithAFix) {
  const Error error = DetectFrom("0::/\n", V2("", "cpu pids\n")).error();
  EXPECT_EQ(error.reason, kUnavailable);
  EXPECT_NE(error.message.find("memory"), std::string::npos);
  EXPECT_NE(error.fix.find("systemd-run"), std::string::npos);
}

TEST_F(HierarchyTest, GarbageIsRefusedAndNotRead) {
  EXPECT_FALSE(DetectFrom("", ""));
  EXPECT_FALSE(DetectFrom(":::\n0\n0:\n", " - \n1 2 - cgroup\n"));
}

TEST(ControllerTest, NamesAreTheKernels) {
  EXPECT_EQ(ControllerName(Controller::kCpuacct), "cpuacct");
  EXPECT_EQ(ControllerName(Controller::kFreezer), "freezer");
}

}  // namespace
}  // namespace fabro::cgroup
