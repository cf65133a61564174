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

namespace fabro::security {
namespace {

using jail::protocol::Type;
using model::Fate;
using model::Level;
using std::chrono::seconds;

Deadline Patience() { return std::chrono::steady_clock::now() + seconds(30); }

bool Readable(int fd) {
  const auto events = PollOne(fd, POLLIN, Patience());
  return events.ok() && *events != 0;
}

struct Running {
  jail::Exec exec;
  UniqueFd out;
  UniqueFd in;
};

// Starts a command and reads its first line.
Running Start(Sandbox& sandbox, const model::ExecSpec& spec, std::string* line = nullptr) {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd out(ends[0]);
  jail::GuestStdio stdio;
  stdio.out = UniqueFd(ends[1]);
  int feed[2] = {-1, -1};
  EXPECT_EQ(::pipe2(feed, O_CLOEXEC), 0);
  stdio.in = UniqueFd(feed[0]);
  stdio.err = UniqueFd(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  auto exec = sandbox.jail().Start(spec, std::move(stdio));
  EXPECT_TRUE(exec.ok()) << exec.error().ToString();
  for (char c = 0; line != nullptr && ::read(out.get(), &c, 1) == 1 && c != '\n';)
    line->push_back(c);
  return {*std::move(exec), std::move(out), UniqueFd(feed[1])};
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

// A guest stops every process of its id as fast as it can. A command that is on its way to its
// execve is one of them: it must not wait for ever, beyond every limit.
TEST(EngineTest, AGuestCannotStopTheStartOfAnotherCommandForEver) {
  Sandbox sandbox(Sandbox::SpecOf(Level::kMedium));
  ASSERT_TRUE(sandbox.ok());
  std::string line;
  Running stopper = Start(sandbox, Sandbox::ProbeSpec({"stop-all"}), &line);
  ASSERT_EQ(line.rfind("PASS", 0), 0U) << line;
  model::Limits limits;
  limits.wall_time = seconds(1);
  for (int i = 0; i < 60; ++i) {
    model::ExecSpec spec;
    spec.argv = {"/bin/true"};
    spec.limits = limits;
    Running command = Start(sandbox, spec);
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
  Running command = Start(sandbox, spec);
  const auto outcome = command.exec.Wait();
  ASSERT_TRUE(outcome.ok()) << outcome.error().ToString();
  EXPECT_EQ(outcome->fate, Fate::kExited);
  const std::vector<UniqueFd> left = ProcessesOf(sandbox.traces().ids[1]);
  ASSERT_EQ(left.size(), 1U);
  command.in.reset();  // Now it does its mount(2).
  EXPECT_TRUE(Readable(left[0].get())) << "still alive after its mount(2)";
}

// The lease of a Jail, spoken to without the client.
class RawCaller {
 public:
  explicit RawCaller(Sandbox& sandbox) : connection_(sandbox.jail().ReleaseLease()) {}

  Status Send(Type type, std::string_view body, std::span<const int> fds = {}) {
    // A command with a number ends its Jail when it ends.
    const std::uint32_t request = type == Type::kExec ? 0 : 1;
    return SendMessage(connection_.get(), jail::protocol::EncodeFrame(type, request, body), fds);
  }
  // Whether the jailer answers at all.
  bool Answers(Type expected) {
    if (!Readable(connection_.get())) return false;
    const auto message =
        ReceiveMessage(connection_.get(), jail::protocol::kMaxMessage, jail::protocol::kMaxFds);
    if (!message || message->closed) return false;
    const auto frame = jail::protocol::DecodeFrame(message->bytes);
    return frame.ok() && frame->type == expected;
  }
  // What it says on the channel of a command that it refused.
  std::string Refusal(const model::ExecSpec& spec, std::vector<int> streams) {
    auto pair = MakeSocketPair(SocketType::kSeqPacket);
    if (!pair) return "socketpair";
    streams.insert(streams.begin(), pair->second.get());
    if (!Send(Type::kExec, jail::protocol::Encode(jail::protocol::StartExec{.spec = spec}),
              streams)) {
      return "send";
    }
    pair->second.reset();
    if (!Readable(pair->first.get())) return "no answer";
    const auto message = ReceiveMessage(pair->first.get(), jail::protocol::kMaxMessage, 1);
    if (!message || message->closed) return "closed";
    const auto frame = jail::protocol::DecodeFrame(message->bytes);
    if (!frame || frame->type != Type::kError) return "accepted";
    return jail::protocol::DecodeError(frame->body).reason;
  }
  UniqueFd& connection() { return connection_; }

 private:
  UniqueFd connection_;
};

model::ExecSpec True() {
  model::ExecSpec spec;
  spec.argv = {"/bin/true"};
  return spec;
}

// A channel that takes no bytes any more must not hold up a jailer that has others to serve.
TEST(EngineTest, ACallerThatReadsNothingDoesNotHoldUpTheJailer) {
  Sandbox sandbox(Sandbox::SpecOf(Level::kMedium));
  ASSERT_TRUE(sandbox.ok());
  RawCaller caller(sandbox);
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
  RawCaller caller(sandbox);
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
  RawCaller caller(sandbox);
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
    Running pause = Start(sandbox, Sandbox::ProbeSpec({"pause"}));
    RawCaller caller(sandbox);
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
  RawCaller caller(sandbox);
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const std::vector<int> fds(200, null.get());
  ASSERT_TRUE(caller.Send(Type::kHello, {}, fds).ok());
  EXPECT_FALSE(caller.Answers(Type::kHelloOk));
}

}  // namespace
}  // namespace fabro::security
