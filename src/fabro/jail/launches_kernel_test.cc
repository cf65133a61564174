// Many Jails one after the other, and what they leave: nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>

#include "fabro/jail/testing/in_jail.h"
#include "fabro/linux/file.h"
#include "fabro/linux/scoped_dir.h"

namespace fabro::jail::testing {
namespace {

std::size_t OpenDescriptors() {
  const auto directory = OpenDir("/proc/self/fd");
  return directory ? ListDir(directory->get())->size() : 0;
}

std::uint64_t ResidentKilobytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == "VmRSS:") {
      std::uint64_t kilobytes = 0;
      status >> kilobytes;
      return kilobytes;
    }
  }
  return 0;
}

std::size_t HostMounts() {
  const std::string table = ReadFile("/proc/self/mountinfo").value_or("");
  return static_cast<std::size_t>(std::count(table.begin(), table.end(), '\n'));
}

// Execs in one Jail, counted by FABRO_LAUNCHES (2,000 by default).
TEST(LaunchesTest, LeaveNoDescriptorMemoryGroupOrMount) {
  const char* wanted = std::getenv("FABRO_LAUNCHES");
  const int launches = wanted == nullptr ? 2000 : std::atoi(wanted);
  const std::size_t mounts = HostMounts();
  auto jail = MakeJail({});
  ASSERT_TRUE(jail.ok()) << jail.error().ToString();
  const auto launch = [&] {
    const auto ran = RunIn(*jail, Command({"/bin/true"}));
    ASSERT_TRUE(ran.ok()) << ran.error().ToString();
    ASSERT_EQ(ran->outcome.fate, model::Fate::kExited) << ran->outcome.message;
    ASSERT_TRUE(ran->outcome.cleanup_succeeded);
  };
  for (int i = 0; i < launches / 10; ++i) launch();
  const std::size_t descriptors = OpenDescriptors();
  const std::uint64_t memory = ResidentKilobytes();
  for (int i = launches / 10; i < launches; ++i) {
    launch();
    if (HasFatalFailure()) return;
  }
  EXPECT_EQ(OpenDescriptors(), descriptors);
  EXPECT_LE(ResidentKilobytes(), memory + 2048);
  EXPECT_EQ(RunIn(*jail, Shell("ls /proc | grep -c '^[0-9]'"))->out, "3\n") << "sh, ls, grep";
  ASSERT_TRUE(jail->Stop().ok());
  EXPECT_EQ(SlotGroupsOf(0), std::vector<std::string>());
  EXPECT_EQ(HostMounts(), mounts);
}

}  // namespace
}  // namespace fabro::jail::testing
