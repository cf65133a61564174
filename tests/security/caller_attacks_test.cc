// A caller against the jailer that serves others too: one that is slow, greedy or gone must not be
// felt by them. What is compared is the order of answers, never a time.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <sstream>
#include <string>

#include "fabro/jail/jail.h"
#include "fabro/linux/file.h"
#include "fabro/linux/process.h"
#include "fabro/linux/scoped_dir.h"
#include "fabro/linux/socket.h"
#include "fabro/linux/spawn.h"
#include "harness.h"
#include "raw_caller.h"

namespace fabro::security {
namespace {

using jail::protocol::Type;
using model::Level;

model::SandboxSpec Plain() {
  model::SandboxSpec spec;
  spec.limits.memory = 256_MiB;
  spec.limits.pids = 64;
  return spec;
}

model::ExecSpec Sleep() {
  model::ExecSpec spec;
  spec.argv = {"/bin/sleep", "1000"};
  return spec;
}

class Callers : public ::testing::Test {
 protected:
  void SetUp() override { Start({}); }
  // `files`: its limit of descriptors.
  void Start(std::optional<rlim_t> files) {
    auto dir = TempDir::Make("jailer");
    ASSERT_TRUE(dir.ok());
    dir_.emplace(*std::move(dir));
    SpawnRequest request;
    request.argv = {FABER_JAILER, "--listen", dir_->path(), "--slots", "2"};
    if (files) {
      request.argv.insert(
          request.argv.begin(),
          {"/bin/sh", "-c", "ulimit -n " + std::to_string(*files) + "; exec \"$@\"", "sh"});
    }
    auto jailer = Spawn(request);
    ASSERT_TRUE(jailer.ok()) << jailer.error().ToString();
    jailer_.emplace(*std::move(jailer));
  }
  void TearDown() override { Stop(); }
  void Stop() {
    if (!jailer_) return;
    ASSERT_TRUE(jailer_->Kill(SIGTERM).ok());
    EXPECT_EQ(*jailer_->Wait(), (ExitStatus{ExitStatus::Kind::kExited, 0}));
    jailer_.reset();
  }
  UniqueFd Connect() {
    const auto limit = Patience();
    for (;;) {
      auto connection = ConnectUnix(dir_->path() + "/jailer.sock", SocketType::kSeqPacket);
      if (connection) return *std::move(connection);
      if (std::chrono::steady_clock::now() > *limit) return {};
      (void)PollOne(jailer_->pidfd(), POLLIN,
                    std::chrono::steady_clock::now() + std::chrono::milliseconds(5));
    }
  }
  Result<jail::Jail> Make(const model::SandboxSpec& spec) {
    return jail::Jail::Create(jail::Jailer::Adopt(Connect()), spec);
  }
  // Another caller is answered while `busy` still is not.
  void ExpectOthersAreServedBefore(RawCaller& busy) {
    RawCaller other(Connect());
    ASSERT_TRUE(other.Send(Type::kHello, {}).ok());
    EXPECT_TRUE(other.Answers(Type::kHelloOk));
    const auto answered =
        PollOne(busy.connection().get(), POLLIN, std::chrono::steady_clock::now());
    EXPECT_TRUE(answered.ok() && *answered == 0) << "only once the busy one was done with";
  }
  std::optional<TempDir> dir_;
  std::optional<Process> jailer_;
};

pid_t ParentOf(pid_t pid) {
  const std::string status =
      ReadFile("/proc/" + std::to_string(pid) + "/status").value_or("\nPPid:\t-1");
  return std::stoi(status.substr(status.find("\nPPid:") + 6));
}

// The end of a Jail takes as long as its guest makes it (memory to give back, processes to end).
// Here its zygote is stopped, so that it lasts until the test says.
TEST_F(Callers, AJailThatEndsSlowlyHoldsUpNobody) {
  auto jail = Make(Plain());
  ASSERT_TRUE(jail.ok()) << jail.error().ToString();
  const pid_t zygote = ParentOf(jail->info().init_pid);
  Running guest = StartIn(*jail, Sleep());
  RawCaller slow(jail->ReleaseLease());
  ASSERT_EQ(::kill(zygote, SIGSTOP), 0);
  ASSERT_TRUE(slow.Send(Type::kStop, {}).ok());
  ExpectOthersAreServedBefore(slow);
  ASSERT_EQ(::kill(zygote, SIGCONT), 0);
  EXPECT_TRUE(slow.Answers(Type::kStopped));
}

// The same when nobody waits for the end.
TEST_F(Callers, AJailWhoseCallerIsGoneEndsWithoutHoldingUpOthers) {
  auto jail = Make(Plain());
  ASSERT_TRUE(jail.ok()) << jail.error().ToString();
  const pid_t zygote = ParentOf(jail->info().init_pid);
  Running guest = StartIn(*jail, Sleep());
  UniqueFd lease = jail->ReleaseLease();
  const UniqueFd init(static_cast<int>(::syscall(SYS_pidfd_open, jail->info().init_pid, 0)));
  ASSERT_EQ(::kill(zygote, SIGSTOP), 0);
  lease.reset();
  ASSERT_TRUE(Readable(init.get())) << "init is dead, but not reaped";
  RawCaller other(Connect());
  ASSERT_TRUE(other.Send(Type::kHello, {}).ok());
  EXPECT_TRUE(other.Answers(Type::kHelloOk));
  std::string state = ReadFile("/proc/" + std::to_string(zygote) + "/stat").value_or("");
  EXPECT_NE(state.find(") T "), std::string::npos)
      << "killed before its time, or others waited until it was: " << state;
  ASSERT_EQ(::kill(zygote, SIGCONT), 0);
}

model::SandboxSpec OnDisk(const std::string& path) {
  model::SandboxSpec spec = Plain();
  spec.workspace.kind = model::WorkspaceKind::kDisk;
  spec.workspace.dir = HostPath(path);
  return spec;
}

// Waits for a workspace that another sandbox has: others do not wait with it.
TEST_F(Callers, WhoWaitsForAWorkspaceHoldsUpNobody) {
  const auto dir = TempDir::Make("contended");
  ASSERT_TRUE(dir.ok());
  const auto held = OpenDir(dir->path());
  ASSERT_TRUE(held.ok());
  ASSERT_EQ(::flock(held->get(), LOCK_EX | LOCK_NB), 0);  // "Another jailer."
  const UniqueFd source(::open(dir->path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  RawCaller waiting(Connect());
  const int fds[] = {source.get()};
  ASSERT_TRUE(waiting.Send(Type::kCreate, jail::protocol::Encode(OnDisk(dir->path())), fds).ok());
  ExpectOthersAreServedBefore(waiting);
  EXPECT_TRUE(waiting.Answers(Type::kError));
}

TEST_F(Callers, AWorkspaceWithinAnotherOneIsRefused) {
  const auto outer = TempDir::Make("outer");
  ASSERT_TRUE(outer.ok());
  const std::string inner = outer->path() + "/workspace/a/inner";
  ASSERT_TRUE(MakeDirs(inner, 0700).ok());
  const std::string beside = outer->path() + "/beside";
  ASSERT_TRUE(MakeDirs(beside, 0700).ok());
  {
    auto one = Make(OnDisk(outer->path()));
    ASSERT_TRUE(one.ok()) << one.error().ToString();
    const auto two = Make(OnDisk(inner));
    ASSERT_FALSE(two.ok());
    EXPECT_EQ(two.error().reason, "workspace_refused");
  }
  auto one = Make(OnDisk(inner));
  ASSERT_TRUE(one.ok()) << one.error().ToString();
  const auto two = Make(OnDisk(outer->path()));
  ASSERT_FALSE(two.ok());
  EXPECT_EQ(two.error().reason, "workspace_refused");
  EXPECT_TRUE(Make(OnDisk(beside)).ok()) << "beside each other is no harm";
}

// Descriptors are a thing that one caller can use up for all.
class GreedyCallers : public Callers {
 protected:
  void SetUp() override { Start(1024); }
};

TEST_F(GreedyCallers, ConnectionsWithoutEndDoNotEndTheJailsOfOthers) {
  auto jail = Make(Plain());
  ASSERT_TRUE(jail.ok()) << jail.error().ToString();
  std::vector<UniqueFd> greedy;
  for (int i = 0; i < 400; ++i) {
    auto each = ConnectUnix(dir_->path() + "/jailer.sock", SocketType::kSeqPacket);
    if (each) greedy.push_back(*std::move(each));
  }
  ASSERT_EQ(greedy.size(), 400U);
  Running command = StartIn(*jail, True());
  EXPECT_EQ(command.exec.Wait()->fate, model::Fate::kExited);
  RawCaller last(Connect());
  EXPECT_TRUE(last.Answers(Type::kError)) << "the queue of callers is done with now";
  // A jailer that cannot take the next caller waits; it does not turn in circles.
  int asleep = 0;
  for (int i = 0; i < 20; ++i) {
    const std::string stat = ReadFile("/proc/" + std::to_string(jailer_->pid()) + "/stat").value();
    if (stat.find(") S ") != std::string::npos) ++asleep;
    (void)PollOne(jailer_->pidfd(), POLLIN,
                  std::chrono::steady_clock::now() + std::chrono::milliseconds(5));
  }
  EXPECT_GE(asleep, 15);
  greedy.clear();
  const auto after = Make(Plain());
  EXPECT_TRUE(after.ok()) << after.error().ToString();
}

TEST_F(GreedyCallers, CommandsWithoutEndDoNotEndTheJailsOfOthers) {
  auto jail = Make(Plain());
  ASSERT_TRUE(jail.ok()) << jail.error().ToString();
  model::SandboxSpec many = Plain();
  many.limits.pids = 500;
  auto greedy = Make(many);
  ASSERT_TRUE(greedy.ok()) << greedy.error().ToString();
  RawCaller caller(greedy->ReleaseLease());
  std::vector<UniqueFd> channels;
  for (int i = 0; i < 100; ++i) {
    UniqueFd channel = caller.Start(Sleep());
    if (!channel) break;
    (void)Readable(channel.get());
    channels.push_back(std::move(channel));
  }
  auto command = StartIn(*jail, True());
  EXPECT_EQ(command.exec.Wait()->fate, model::Fate::kExited);
}

}  // namespace
}  // namespace fabro::security
