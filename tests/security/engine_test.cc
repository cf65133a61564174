// Attacks on the engine itself: by a guest that works against the commands beside it, and by a
// caller that sends what the client would not.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <dirent.h>
#include <chrono>
#include <string>
#include <utility>

#include "fabro/jail/protocol/messages.h"
#include "fabro/linux/file.h"
#include "fabro/linux/poll.h"
#include "fabro/linux/socket.h"
#include "harness.h"
#include "raw_caller.h"

namespace fabro::security {
namespace {

using jail::protocol::Type;
using model::Fate;
using model::Level;
using std::chrono::seconds;

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

// A guest stops every process of its id as fast as it can. A command that is on its way to its
// execve is one of them: it must not wait for ever, beyond every limit.
TEST(EngineTest, AGuestCannotStopTheStartOfAnotherCommandForEver) {
  Sandbox sandbox(Sandbox::SpecOf(Level::kMedium));
  ASSERT_TRUE(sandbox.ok());
  std::string line;
  Running stopper = StartIn(sandbox.jail(), Sandbox::ProbeSpec({"stop-all"}), &line);
  ASSERT_EQ(line.rfind("PASS", 0), 0U) << line;
  model::Limits limits;
  limits.wall_time = seconds(1);
  for (int i = 0; i < 60; ++i) {
    model::ExecSpec spec;
    spec.argv = {"/bin/true"};
    spec.limits = limits;
    Running command = StartIn(sandbox.jail(), spec);
    ASSERT_TRUE(Readable(command.exec.fd())) << "run " << i << " never ends";
    const auto outcome = command.exec.Wait();
    ASSERT_TRUE(outcome.ok()) << outcome.error().ToString();
    if (outcome->fate == Fate::kInfrastructureFailure) break;  // That one was held up.
  }
}

// B28: what a command leaves running under keep_background is still below its filter.
TEST(EngineTest, B28_ABackgroundProcessDiesOfItsForbiddenCallToo) {
  Sandbox sandbox(Sandbox::SpecOf(Level::kMedium));
  ASSERT_TRUE(sandbox.ok());
  model::ExecSpec spec = Sandbox::ProbeSpec({"B28late"});
  spec.keep_background = true;
  Running command = StartIn(sandbox.jail(), spec);
  const auto outcome = command.exec.Wait();
  ASSERT_TRUE(outcome.ok()) << outcome.error().ToString();
  EXPECT_EQ(outcome->fate, Fate::kExited);
  const std::vector<UniqueFd> left = ProcessesOf(sandbox.traces().ids[1]);
  ASSERT_EQ(left.size(), 1U);
  command.in.reset();  // Now it does its mount(2).
  EXPECT_TRUE(Readable(left[0].get())) << "still alive after its mount(2)";
}

// A channel that takes no bytes any more must not hold up a jailer that has others to serve.
TEST(EngineTest, ACallerThatReadsNothingDoesNotHoldUpTheJailer) {
  Sandbox sandbox(Sandbox::SpecOf(Level::kMedium));
  ASSERT_TRUE(sandbox.ok());
  RawCaller caller(sandbox.jail().ReleaseLease());
  auto pair = MakeSocketPair(SocketType::kSeqPacket);
  ASSERT_TRUE(pair.ok());
  while (::send(pair->second.get(), "full", 4, MSG_DONTWAIT) > 0) {
  }
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const int fds[] = {pair->second.get(), null.get(), null.get(), null.get()};
  ASSERT_TRUE(
      caller
          .Send(Type::kExec, jail::protocol::Encode(jail::protocol::StartExec{.spec = True()}), fds)
          .ok());
  ASSERT_TRUE(caller.Send(Type::kHello, {}).ok());
  EXPECT_TRUE(caller.Answers(Type::kHelloOk));
  ASSERT_TRUE(caller.Send(Type::kStop, {}).ok());
  EXPECT_TRUE(caller.Answers(Type::kStopped));
}

// A37, A38, B44, C14: nothing but a pipe or /dev/null becomes a stream of the guest.
TEST(EngineTest, A37_A38_B44_C14_StreamsThatLeadOutAreRefused) {
  Sandbox sandbox(Sandbox::SpecOf(Level::kMedium));
  ASSERT_TRUE(sandbox.ok());
  RawCaller caller(sandbox.jail().ReleaseLease());
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const UniqueFd terminal(::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
  const UniqueFd directory(::open("/etc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  const UniqueFd file(::open("/etc/passwd", O_RDONLY | O_CLOEXEC));
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const UniqueFd zero(::open("/dev/zero", O_RDWR | O_CLOEXEC));
  const UniqueFd memory(::memfd_create("x", MFD_CLOEXEC));
  const std::string fifo_path = "/tmp/security-fifo-" + std::to_string(::getpid());
  ASSERT_EQ(::mkfifo(fifo_path.c_str(), 0600), 0);
  const UniqueFd fifo(::open(fifo_path.c_str(), O_RDWR | O_CLOEXEC));
  ::unlink(fifo_path.c_str());
  for (const UniqueFd* each : {&terminal, &directory, &file, &socket, &zero, &memory, &fifo}) {
    ASSERT_TRUE(static_cast<bool>(*each));
    EXPECT_EQ(caller.Refusal(True(), {each->get(), null.get(), null.get()}), "spec_invalid");
    EXPECT_EQ(caller.Refusal(True(), {null.get(), each->get(), null.get()}), "spec_invalid");
    EXPECT_EQ(caller.Refusal(True(), {null.get(), null.get(), each->get()}), "spec_invalid");
  }
  EXPECT_EQ(caller.Refusal(True(), {null.get(), null.get()}), "protocol_error");
  EXPECT_EQ(caller.Refusal(True(), {null.get(), null.get(), null.get(), null.get()}),
            "protocol_error");
}

// A channel that is no socket, and one of the wrong kind: refused, and nobody else is hurt.
TEST(EngineTest, AChannelThatIsNoSocketIsRefused) {
  Sandbox sandbox(Sandbox::SpecOf(Level::kMedium));
  ASSERT_TRUE(sandbox.ok());
  RawCaller caller(sandbox.jail().ReleaseLease());
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const UniqueFd directory(::open("/etc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  int stream[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream), 0);
  const UniqueFd one(stream[0]);
  const UniqueFd other(stream[1]);
  for (const int channel : {null.get(), directory.get(), one.get()}) {
    const int fds[] = {channel, null.get(), null.get(), null.get()};
    ASSERT_TRUE(caller
                    .Send(Type::kExec,
                          jail::protocol::Encode(jail::protocol::StartExec{.spec = True()}), fds)
                    .ok());
  }
  ASSERT_TRUE(caller.Send(Type::kHello, {}).ok());
  EXPECT_TRUE(caller.Answers(Type::kHelloOk));
  ASSERT_TRUE(caller.Send(Type::kStop, {}).ok());
  EXPECT_TRUE(caller.Answers(Type::kStopped));
}

// Whatever comes over a connection, the jailer ends it or answers; the guest is gone afterwards.
TEST(EngineTest, MalformedMessagesEndTheConnectionAndTheJail) {
  const std::string hello = jail::protocol::EncodeFrame(Type::kHello, 1, {});
  std::string other_version = hello;
  other_version[4] = '\x7f';
  const std::string packets[] = {"x", std::string(12, '\xff'), other_version,
                                 jail::protocol::EncodeFrame(Type::kOutcome, 1, "x"),
                                 std::string(jail::protocol::kMaxMessage + 1, 'x')};
  for (const std::string& packet : packets) {
    Sandbox sandbox(Sandbox::SpecOf(Level::kMedium));
    ASSERT_TRUE(sandbox.ok());
    Running pause = StartIn(sandbox.jail(), Sandbox::ProbeSpec({"pause"}));
    RawCaller caller(sandbox.jail().ReleaseLease());
    ASSERT_TRUE(SendMessage(caller.connection().get(), packet).ok());
    EXPECT_TRUE(Readable(pause.exec.fd()));
    const auto outcome = pause.exec.Wait();
    ASSERT_TRUE(outcome.ok());
    EXPECT_NE(outcome->fate, Fate::kExited);
  }
}

TEST(EngineTest, TooManyDescriptorsEndTheConnection) {
  Sandbox sandbox(Sandbox::SpecOf(Level::kMedium));
  ASSERT_TRUE(sandbox.ok());
  RawCaller caller(sandbox.jail().ReleaseLease());
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const std::vector<int> fds(200, null.get());
  ASSERT_TRUE(caller.Send(Type::kHello, {}, fds).ok());
  EXPECT_FALSE(caller.Answers(Type::kHelloOk));
}

}  // namespace
}  // namespace fabro::security
