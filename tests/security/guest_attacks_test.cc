// A guest against the engine's own processes: its init, its jailer, the commands beside it. Each
// test was an attack that worked once.
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <string>

#include "fabro/linux/file.h"
#include "fabro/linux/socket.h"
#include "harness.h"
#include "raw_caller.h"

namespace fabro::security {
namespace {

using jail::protocol::Type;
using model::Fate;
using model::Level;
using std::chrono::milliseconds;
using std::chrono::seconds;

class Guest : public ::testing::TestWithParam<Level> {
 protected:
  static model::SandboxSpec Spec() { return Sandbox::SpecOf(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Engine, Guest, ::testing::ValuesIn(Levels()),
                         [](const auto& each) { return std::string(ToString(each.param)); });

TEST_P(Guest, WritesNothingInProc) {
  if (GetParam() == Level::kLow) return;  // It has user namespaces of its own, written there.
  Sandbox sandbox(Spec());
  ASSERT_TRUE(sandbox.ok());
  Check(sandbox.Probe({"proc-write"}), S("EROFS"));
}

// Else the kernel takes init, or a process of the host, in its place.
TEST_P(Guest, StaysTheFirstThatAFullMemoryTakes) {
  if (GetParam() == Level::kLow) return;  // It has user namespaces of its own, written there.
  Sandbox sandbox(Spec());
  ASSERT_TRUE(sandbox.ok());
  Check(sandbox.Probe({"oom-score"}), A("1000"));
}

// Init reaps what others leave; that must not keep it from starting and ending commands.
TEST_P(Guest, OrphansWithoutEndDoNotHoldUpTheNextCommand) {
  Sandbox sandbox(Spec());
  ASSERT_TRUE(sandbox.ok());
  std::string line;
  Running storm = StartIn(sandbox.jail(), Sandbox::ProbeSpec({"orphan-storm"}), &line);
  ASSERT_EQ(line.rfind("PASS", 0), 0U) << line;
  for (int i = 0; i < 5; ++i) {
    const Ran ran = sandbox.Run(True());
    EXPECT_EQ(ran.outcome.fate, Fate::kExited) << Describe(ran);
  }
  ASSERT_TRUE(storm.exec.Terminate(Fate::kCancelled, milliseconds(0)).ok());
  EXPECT_EQ(storm.exec.Wait()->fate, Fate::kCancelled);
}

// A pidfd of every process with the id.
std::vector<UniqueFd> ProcessesOf(unsigned id) {
  std::vector<UniqueFd> found;
  DIR* proc = ::opendir("/proc");
  while (const dirent* entry = ::readdir(proc)) {
    struct stat status{};
    const std::string path = std::string("/proc/") + entry->d_name;
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    if (::stat(path.c_str(), &status) != 0 || status.st_uid != id) continue;
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, std::stoi(entry->d_name), 0)));
    if (pidfd) found.push_back(std::move(pidfd));
  }
  ::closedir(proc);
  return found;
}

// What a command leaves behind has its limits: else a leader that ends at once has none.
void ExpectBackgroundEnds(const model::SandboxSpec& spec, const char* probe,
                          const model::Limits& limits) {
  Sandbox sandbox(spec);
  ASSERT_TRUE(sandbox.ok());
  model::ExecSpec command = Sandbox::ProbeSpec({probe}, limits);
  command.keep_background = true;
  Running running = StartIn(sandbox.jail(), command);
  EXPECT_EQ(running.exec.Wait()->fate, Fate::kExited);
  for (const UniqueFd& left : ProcessesOf(sandbox.traces().ids[1])) {
    const auto ended = PollOne(left.get(), POLLIN, Patience());
    EXPECT_TRUE(ended.ok() && *ended != 0) << "it lives on beyond the limit of its command";
  }
}
TEST_P(Guest, CpuLimitHoldsForWhatACommandLeavesBehind) {
  model::Limits limits;
  limits.cpu_time = milliseconds(300);
  limits.wall_time = seconds(3600);
  ExpectBackgroundEnds(Spec(), "burn-after-leader", limits);
}
TEST_P(Guest, WallLimitHoldsForWhatACommandLeavesBehind) {
  model::Limits limits;
  limits.wall_time = milliseconds(300);
  ExpectBackgroundEnds(Spec(), "sleep-after-leader", limits);
}

// An init that is kept from reading (a slot whose processor time is used up) must not take the
// jailer, and with it every other Jail, along.
TEST_P(Guest, AnInitThatReadsNothingDoesNotHoldUpTheJailer) {
  Sandbox sandbox(Spec());
  ASSERT_TRUE(sandbox.ok());
  Running pause = StartIn(sandbox.jail(), Sandbox::ProbeSpec({"pause"}));
  ASSERT_EQ(::kill(sandbox.traces().init, SIGSTOP), 0);
  for (int i = 0; i < 4000; ++i) {
    ASSERT_TRUE(pause.exec.Signal(SIGURG).ok());
  }
  RawCaller caller(sandbox.jail().ReleaseLease());
  ASSERT_TRUE(caller.Send(Type::kHello, {}).ok());
  EXPECT_TRUE(caller.Answers(Type::kHelloOk));
  ASSERT_EQ(::kill(sandbox.traces().init, SIGCONT), 0);
  ASSERT_TRUE(caller.Send(Type::kStop, {}).ok());
  EXPECT_TRUE(caller.Answers(Type::kStopped));
  EXPECT_EQ(pause.exec.Wait()->fate, Fate::kCancelled);
}

// More commands than init and the jailer have places for: the one too many is refused, those that
// run are not hurt.
TEST(Commands, TooManyAreRefusedAndNobodyIsHurt) {
  model::SandboxSpec spec = Sandbox::SpecOf(Level::kMedium);
  spec.limits.pids = 2000;
  spec.limits.memory = 1024_MiB;
  Sandbox sandbox(spec);
  ASSERT_TRUE(sandbox.ok());
  Running first = StartIn(sandbox.jail(), Sandbox::ProbeSpec({"pause"}));
  RawCaller caller(sandbox.jail().ReleaseLease());
  std::vector<UniqueFd> channels;
  bool refused = false;
  for (int i = 0; i < 300 && !refused; ++i) {
    UniqueFd channel = caller.Start(Sandbox::ProbeSpec({"pause"}));
    ASSERT_TRUE(static_cast<bool>(channel)) << "command " << i << ": the jailer hung up";
    ASSERT_TRUE(Readable(channel.get()));
    const auto message = ReceiveMessage(channel.get(), jail::protocol::kMaxMessage, 1);
    ASSERT_TRUE(message.ok() && !message->closed) << i;
    const auto frame = jail::protocol::DecodeFrame(message->bytes);
    ASSERT_TRUE(frame.ok());
    refused = frame->type != Type::kAccepted;
    channels.push_back(std::move(channel));
  }
  EXPECT_TRUE(refused);
  ASSERT_TRUE(caller.Send(Type::kHello, {}).ok());
  EXPECT_TRUE(caller.Answers(Type::kHelloOk));
  const auto still = PollOne(first.exec.fd(), POLLIN, std::chrono::steady_clock::now());
  EXPECT_TRUE(still.ok() && *still == 0) << "the first command was ended";
  ASSERT_TRUE(caller.Send(Type::kStop, {}).ok());
  EXPECT_TRUE(caller.Answers(Type::kStopped));
}

}  // namespace
}  // namespace fabro::security
