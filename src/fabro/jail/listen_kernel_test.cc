// A jailer that listens: slots that have several Jails one after the other, and what they share.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "fabro/jail/testing/in_jail.h"
#include "fabro/linux/cgroup/hierarchy.h"
#include "fabro/linux/poll.h"
#include "fabro/linux/scoped_dir.h"
#include "fabro/linux/socket.h"
#include "fabro/linux/spawn.h"

namespace fabro::jail::testing {
namespace {

using Words = std::vector<std::string>;

// Moves the calling process into the group.
bool WriteControl(const std::string& procs) {
  const UniqueFd file(::open(procs.c_str(), O_WRONLY | O_CLOEXEC));
  return file && ::write(file.get(), "0", 1) == 1;
}

class ListenTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto dir = TempDir::Make("jailer");
    ASSERT_TRUE(dir.ok());
    dir_.emplace(*std::move(dir));
    SpawnRequest request;
    request.argv = {FABER_JAILER, "--listen", dir_->path(), "--slots", "1"};
    auto jailer = Spawn(request);
    ASSERT_TRUE(jailer.ok()) << jailer.error().ToString();
    jailer_.emplace(*std::move(jailer));
  }
  void TearDown() override {
    const pid_t pid = jailer_->pid();
    ASSERT_TRUE(jailer_->Kill(SIGTERM).ok());
    EXPECT_EQ(*jailer_->Wait(), (ExitStatus{ExitStatus::Kind::kExited, 0}));
    EXPECT_EQ(SlotGroupsOf(pid), Words());
  }
  Result<Jail> Make(const model::SandboxSpec& spec) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    for (;;) {
      auto connection = ConnectUnix(dir_->path() + "/jailer.sock", SocketType::kSeqPacket);
      if (connection) return Jail::Create(Jailer::Adopt(*std::move(connection)), spec);
      if (std::chrono::steady_clock::now() > limit) return connection.error();
      TRY(PollOne(jailer_->pidfd(), POLLIN,
                  std::chrono::steady_clock::now() + std::chrono::milliseconds(5)));
    }
  }
  std::optional<TempDir> dir_;
  std::optional<Process> jailer_;
};

// With Jails; before Linux 6.5 nobody gets one (the last test of this file).
class ServedTest : public ListenTest {
 protected:
  void SetUp() override {
    if (!KernelNamesPeers()) GTEST_SKIP() << "a jailer that listens serves nobody here";
    ListenTest::SetUp();
  }
  void TearDown() override {
    if (jailer_) ListenTest::TearDown();
  }
};

TEST_F(ServedTest, TheNextJailOfAPolicyGetsTheSlotAndSaysWhatItShares) {
  auto first = Make({});
  ASSERT_TRUE(first.ok()) << first.error().ToString();
  EXPECT_EQ(first->info().shared, Words());
  ASSERT_EQ(RunIn(*first, Shell("echo left > /tmp/f; echo left > /dev/shm/f"))->outcome.exit_code,
            0);
  ASSERT_TRUE(first->Stop().ok());
  auto second = Make({});
  ASSERT_TRUE(second.ok()) << second.error().ToString();
  EXPECT_EQ(second->info().shared, (Words{"user_ns", "ids", "zygote", "cgroup"}));
  EXPECT_EQ(RunIn(*second, Shell("ls -A /tmp /dev/shm /work; set -- /proc/[0-9]*; echo $#"))->out,
            "/dev/shm:\n\n/tmp:\n\n/work:\n1\n")
      << "the shell: init is hidden";
}

TEST_F(ListenTest, AJailMadeAheadServesOnlyAWishLikeTheLast) {
  ASSERT_TRUE(Make({})->Stop().ok());
  model::SandboxSpec smaller;
  smaller.workspace.size = 8_MiB;
  auto second = Make(smaller);
  ASSERT_TRUE(second.ok()) << second.error().ToString();
  EXPECT_EQ(second->info().shared, (Words{"user_ns", "ids", "zygote", "cgroup"}));
  EXPECT_EQ(RunIn(*second, Shell("stat -f -c '%b %S' /work"))->out, "2048 4096\n");
}

// Else its guest would leave the limits that somebody put on the caller.
TEST_F(ServedTest, ACallerInAnotherControlGroupIsRefused) {
  ASSERT_TRUE(Make({}).ok());
  const auto found = cgroup::Detect();
  ASSERT_TRUE(found.ok());
  const cgroup::Place& place = found->places.front();
  const std::string group =
      place.mount_point + "/" + place.own_path + "/peer-test-" + std::to_string(::getpid());
  ASSERT_EQ(::mkdir(group.c_str(), 0755), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (!WriteControl(group + "/cgroup.procs")) ::_exit(9);
    const auto jail = Make({});
    const bool refused = !jail && jail.error().reason == "jailer_refused";
    if (!refused) std::fprintf(stderr, "%s\n", jail ? "made" : jail.error().ToString().c_str());
    ::_exit(refused ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(::rmdir(group.c_str()), 0);
}

TEST_F(ServedTest, FreshSharesNothingAndOtherPoliciesGetOtherSlots) {
  auto first = Make({});
  ASSERT_TRUE(first.ok()) << first.error().ToString();
  ASSERT_TRUE(first->Stop().ok());
  model::SandboxSpec fresh;
  fresh.fresh = true;
  auto second = Make(fresh);
  ASSERT_TRUE(second.ok()) << second.error().ToString();
  EXPECT_EQ(second->info().shared, Words());
  model::SandboxSpec high;
  high.level = model::Level::kHigh;
  auto third = Make(high);
  ASSERT_TRUE(third.ok()) << third.error().ToString();
  EXPECT_EQ(third->info().shared, Words());
}

TEST_F(ServedTest, SealedSlotsShareTheirNetworkUnlessSocketsWereLeftInIt) {
  model::SandboxSpec spec;
  spec.network = model::NetworkMode::kNone;
  {
    auto first = Make(spec);
    ASSERT_TRUE(first.ok()) << first.error().ToString();
    ASSERT_TRUE(first->Stop().ok());
  }
  {
    auto second = Make(spec);
    ASSERT_TRUE(second.ok()) << second.error().ToString();
    EXPECT_EQ(second->info().shared, (Words{"user_ns", "ids", "zygote", "cgroup", "net_ns"}));
    const auto ran =
        RunIn(*second, Command({"/usr/bin/python3", "-c",
                                "import socket, array\na, b = socket.socketpair()\n"
                                "socket.send_fds(a, [b'x'], [a.fileno(), b.fileno()])\n"}));
    ASSERT_EQ(ran->outcome.exit_code, 0) << ran->err;
  }
  auto third = Make(spec);
  ASSERT_TRUE(third.ok());
  // Collected in time or retired: in both cases there is nothing to see.
  EXPECT_EQ(RunIn(*third, Shell("wc -l < /proc/self/net/unix"))->out, "1\n");
}

class RefusedTest : public ListenTest {
 protected:
  void SetUp() override {
    if (KernelNamesPeers()) GTEST_SKIP() << "this kernel says who its peers are";
    ListenTest::SetUp();
  }
  void TearDown() override {
    if (jailer_) ListenTest::TearDown();
  }
};

// Who the caller is cannot be known for sure there, so everybody is told to go elsewhere: faber
// then starts a jailer of its own.
TEST_F(RefusedTest, WithoutPidfdsOfPeersEverybodyIsToldSo) {
  const auto jail = Make({});
  ASSERT_FALSE(jail.ok());
  EXPECT_EQ(jail.error().reason, "jailer_refused") << jail.error().ToString();
  EXPECT_NE(jail.error().message.find("Linux 6.5"), std::string::npos);
}

}  // namespace
}  // namespace fabro::jail::testing
