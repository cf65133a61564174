// For kernel tests: real groups of this machine, made below the group that the test runs in, as
// root.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include "fabro/linux/cgroup/job_root.h"
#include "fabro/linux/file.h"
#include "fabro/linux/lifeline.h"
#include "fabro/linux/testing/child.h"

namespace fabro::cgroup {
using fabro::testing::StartChild;

// In the child: enters the leaf as a guest does. Only async-signal-safe calls.
inline void Enter(Leaf& leaf) {
  for (const int fd : leaf.AttachFds()) {
    if (::write(fd, "0", 1) != 1) ::_exit(99);
  }
}

inline void TouchMemory(std::size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) ::_exit(98);
  auto* at = static_cast<volatile char*>(memory);
  for (std::size_t i = 0; i < bytes; i += 4096) at[i] = 1;
}

inline void Burn(std::chrono::milliseconds cpu_time) {
  timespec now{};
  do {
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  } while (std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec) < cpu_time);
}

// Runs every test on the machine's own hierarchy and, where there are v1 controllers, on them
// alone, as if there were no v2 tree: the freezer's way to kill.
enum class Shape { kOwnHierarchy, kV1Alone };

inline std::vector<Shape> Shapes() {
  const Result<Hierarchy> found = Detect();
  if (!found || found->mode == Mode::kV2) return {Shape::kOwnHierarchy};
  return {Shape::kOwnHierarchy, Shape::kV1Alone};
}

inline std::string ShapeName(const ::testing::TestParamInfo<Shape>& info) {
  return info.param == Shape::kV1Alone ? "V1Alone" : "OwnHierarchy";
}

class KernelCgroupTest : public ::testing::TestWithParam<Shape> {
 protected:
  void SetUp() override {
    ASSERT_EQ(::geteuid(), 0U) << "run as root";
    // Orphans of the guests come to us and are reaped here, as init does it for a Jail.
    ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    Result<Hierarchy> found = Detect();
    ASSERT_TRUE(found) << found.error().ToString();
    if (GetParam() == Shape::kV1Alone) {
      found = WithoutUnified();
      ASSERT_TRUE(found) << found.error().ToString();
      ASSERT_EQ(found->mode, Mode::kV1);
    }
    hierarchy_ = *found;
    // A name of our own, so that groups of a real service are not met.
    Result<JobRoot> root = JobRoot::Open(hierarchy_, kTestUid);
    ASSERT_TRUE(root) << root.error().ToString();
    root_.emplace(*std::move(root));
  }

  void TearDown() override {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    if (!root_.has_value()) return;
    root_.reset();
    if (hierarchy_.mode == Mode::kV2) return;  // `service` holds us where the root is not ours.
    for (const Place& place : hierarchy_.places)
      EXPECT_FALSE(Exists(place, "")) << place.mount_point;
  }

  static Result<Hierarchy> WithoutUnified() {
    std::string groups = TRY(ReadFile("/proc/self/cgroup"));
    const std::size_t unified = groups.find("0::");
    if (unified != std::string::npos)
      groups.erase(unified, groups.find('\n', unified) - unified + 1);
    const std::string mounts = TRY(ReadFile("/proc/self/mountinfo"));
    return DetectFrom(groups, mounts);
  }

  static constexpr uid_t kTestUid = 4'000'000'001U;

  static bool Exists(const Place& place, const std::string& below) {
    const std::string path = place.mount_point + "/" + place.own_path + "/faber-4000000001" + below;
    return ::access(path.c_str(), F_OK) == 0;
  }

  bool ExistsAnywhere(const std::string& below) const {
    for (const Place& place : hierarchy_.places) {
      if (Exists(place, below)) return true;
    }
    return false;
  }

  Hierarchy hierarchy_;
  std::optional<JobRoot> root_;
};

}  // namespace fabro::cgroup
