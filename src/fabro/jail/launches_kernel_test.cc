// Many launches one after the other, and what they leave: nothing. A launch is a new strict Jail of
// one listening jailer, with network namespace, init, workspace and /proc of its own, one command
// in it, and its end.
//
// FABRO_LAUNCHES: how many; 2,000, and 100,000 when FABRO_SOAK is set.
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>

#include "fabro/jail/testing/in_jail.h"
#include "fabro/linux/file.h"
#include "fabro/linux/poll.h"
#include "fabro/linux/scoped_dir.h"
#include "fabro/linux/socket.h"
#include "fabro/linux/spawn.h"

namespace fabro::jail::testing {
namespace {

using std::chrono::steady_clock;

std::size_t OpenDescriptors(const std::string& pid) {
  const auto directory = OpenDir("/proc/" + pid + "/fd");
  return directory ? ListDir(directory->get())->size() : 0;
}

std::uint64_t ResidentKilobytes(const std::string& pid) {
  std::istringstream status(ReadFile("/proc/" + pid + "/status").value_or(""));
  for (std::string word; status >> word;) {
    if (word != "VmRSS:") continue;
    std::uint64_t kilobytes = 0;
    status >> kilobytes;
    return kilobytes;
  }
  return 0;
}

std::size_t HostMounts() {
  const std::string table = ReadFile("/proc/self/mountinfo").value_or("");
  return static_cast<std::size_t>(std::count(table.begin(), table.end(), '\n'));
}

struct Holdings {
  std::size_t descriptors = 0;
  std::uint64_t kilobytes = 0;
};

Holdings Of(const std::string& pid) { return {OpenDescriptors(pid), ResidentKilobytes(pid)}; }

// At rest: a jailer answers a Stop before it has closed that connection, ended the Jail's init and
// ordered the next, so a look right after the answer sees some descriptors more or less.
Holdings AtRest(const Process& jailer) {
  constexpr int kEqualLooks = 5;
  const std::string pid = std::to_string(jailer.pid());
  const auto limit = steady_clock::now() + std::chrono::seconds(5);
  Holdings last = Of(pid);
  for (int equal = 0; equal < kEqualLooks && steady_clock::now() < limit;) {
    // It does not end: the pause between two looks.
    (void)PollOne(jailer.pidfd(), POLLIN, steady_clock::now() + std::chrono::milliseconds(10));
    const Holdings now = Of(pid);
    equal = now.descriptors == last.descriptors ? equal + 1 : 0;
    last = now;
  }
  return last;
}

void ExpectNoMore(const Holdings& now, const Holdings& before, const char* who) {
  constexpr std::uint64_t kNoiseKilobytes = 2048;
  EXPECT_LE(now.descriptors, before.descriptors) << who;
  EXPECT_LE(now.kilobytes, before.kilobytes + kNoiseKilobytes) << who;
}

// The jailer's socket once it listens.
Result<UniqueFd> Connect(const std::string& dir, const Process& jailer) {
  const auto limit = steady_clock::now() + std::chrono::seconds(10);
  for (;;) {
    auto connection = ConnectUnix(dir + "/jailer.sock", SocketType::kSeqPacket);
    if (connection || steady_clock::now() > limit) return connection;
    TRY(PollOne(jailer.pidfd(), POLLIN, steady_clock::now() + std::chrono::milliseconds(5)));
  }
}

void Launch(const std::string& dir, const Process& jailer) {
  auto connection = Connect(dir, jailer);
  ASSERT_TRUE(connection.ok()) << connection.error().ToString();
  auto jail = Jail::Create(Jailer::Adopt(*std::move(connection)), {});
  ASSERT_TRUE(jail.ok()) << jail.error().ToString();
  ASSERT_EQ(jail->info().launch, model::Launch::kStrict);
  const auto ran = RunIn(*jail, Command({"/bin/true"}));
  ASSERT_TRUE(ran.ok()) << ran.error().ToString();
  ASSERT_EQ(ran->outcome.fate, model::Fate::kExited) << ran->outcome.message;
  ASSERT_TRUE(ran->outcome.cleanup_succeeded);
  ASSERT_TRUE(jail->Stop().ok());
}

int Launches() {
  const char* wanted = std::getenv("FABRO_LAUNCHES");
  if (wanted != nullptr) return std::atoi(wanted);
  return std::getenv("FABRO_SOAK") != nullptr ? 100'000 : 2'000;
}

TEST(LaunchesTest, LeaveNoDescriptorMemoryGroupOrMount) {
  if (!KernelNamesPeers()) GTEST_SKIP() << "a jailer that listens serves nobody here";
  const auto dir = TempDir::Make("jailer");
  ASSERT_TRUE(dir.ok());
  SpawnRequest request;
  request.argv = {FABER_JAILER, "--listen", dir->path(), "--slots", "2"};
  auto jailer = Spawn(request);
  ASSERT_TRUE(jailer.ok()) << jailer.error().ToString();
  const std::size_t mounts = HostMounts();
  const int launches = Launches();
  const int first = launches / 10;  // After these, every pool and allocator has its size.
  Holdings ours;
  Holdings theirs;
  const auto start = steady_clock::now();
  for (int i = 0; i < launches; ++i) {
    if (i == first) {
      ours = Of("self");
      theirs = AtRest(*jailer);
    }
    Launch(dir->path(), *jailer);
    if (HasFatalFailure()) return;
  }
  const std::chrono::duration<double, std::milli> taken = steady_clock::now() - start;
  std::printf("%d launches, %.2f ms each\n", launches, taken.count() / launches);
  ExpectNoMore(Of("self"), ours, "caller");
  ExpectNoMore(AtRest(*jailer), theirs, "jailer");
  ASSERT_TRUE(jailer->Kill(SIGTERM).ok());
  EXPECT_EQ(*jailer->Wait(), (ExitStatus{ExitStatus::Kind::kExited, 0}));
  EXPECT_EQ(SlotGroupsOf(jailer->pid()), std::vector<std::string>());
  EXPECT_EQ(HostMounts(), mounts);
}

}  // namespace
}  // namespace fabro::jail::testing
