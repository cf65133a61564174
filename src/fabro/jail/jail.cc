#include "fabro/jail/jail.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "fabro/jail/disk_image.h"
#include "fabro/jail/open_sources.h"
#include "fabro/jail/plan/plan.h"
#include "fabro/jail/protocol/messages.h"
#include "fabro/jail/start_jailer.h"
#include "fabro/linux/file.h"
#include "fabro/linux/poll.h"
#include "fabro/linux/socket.h"

namespace fabro::jail {
namespace {

using protocol::Type;
using std::chrono::steady_clock;

constexpr auto kAnswerLimit = std::chrono::seconds(30);

Error Unreachable(std::string what, std::string fix) {
  return Failure(Code::kUnavailable, std::move(what), "jailer_unreachable", std::move(fix));
}

Error JailGone(std::string what) {
  return Failure(Code::kUnavailable, std::move(what), "jail_gone", "make a new sandbox");
}

struct Answer {
  Type type = Type::kError;
  std::string body;
  std::vector<UniqueFd> fds;
};

// A jailer that refuses us says why and hangs up, perhaps before it read what we sent; then the
// kernel tells of that once (ECONNRESET) before it gives us the words.
Result<Message> ReceiveLast(int socket) {
  Result<Message> message = ReceiveMessage(socket, protocol::kMaxMessage, protocol::kMaxFds);
  if (message || message.error().sys_errno != ECONNRESET) return message;
  return ReceiveMessage(socket, protocol::kMaxMessage, protocol::kMaxFds);
}

// One message of the jailer; a kError becomes the Error that it carries.
Result<Answer> ReceiveAnswer(int socket, std::uint32_t request, Deadline deadline) {
  for (;;) {
    const short events = TRY(PollOne(socket, POLLIN, deadline));
    if (events == 0) return JailGone("the jailer did not answer in time");
    Message message = TRY(ReceiveLast(socket));
    if (message.closed) return JailGone("the jailer has ended");
    const protocol::Frame frame = TRY(protocol::DecodeFrame(message.bytes));
    // An answer to somebody who held the connection before us, or who gave up waiting.
    if (frame.request != request && !(frame.request == 0 && frame.type == Type::kError)) continue;
    if (frame.type == Type::kError) return protocol::DecodeError(frame.body);
    return Answer{
        .type = frame.type, .body = std::string(frame.body), .fds = std::move(message.fds)};
  }
}

std::uint32_t NextRequest() {
  // Not from 1: after Reattach the jailer may still answer what its last owner asked.
  static std::atomic<std::uint32_t> next{static_cast<std::uint32_t>(::getpid()) << 12U};
  std::uint32_t number = ++next;
  while (number == 0) number = ++next;
  return number;
}

// Gives the number of the request.
Result<std::uint32_t> Send(int socket, Type type, std::string_view body, std::span<const int> fds) {
  const std::uint32_t request = NextRequest();
  const Status sent = SendMessage(socket, protocol::EncodeFrame(type, request, body), fds);
  if (sent) return request;
  // A jailer that does not serve us says so and hangs up before we have asked.
  const auto refusal = ReceiveAnswer(socket, request, steady_clock::now());
  return refusal ? JailGone("the jailer has ended") : refusal.error();
}

Result<Answer> Receive(int socket, std::uint32_t request, Type expected) {
  Answer answer = TRY(ReceiveAnswer(socket, request, steady_clock::now() + kAnswerLimit));
  if (answer.type != expected) return JailGone("the jailer gave an answer to another question");
  return answer;
}

Result<Answer> Ask(int socket, Type type, std::string_view body, std::span<const int> fds,
                   Type expected) {
  const std::uint32_t request = TRY(Send(socket, type, body, fds));
  return Receive(socket, request, expected);
}

void Reap(std::optional<pid_t>& child) {
  if (!child) return;
  while (::waitpid(*child, nullptr, 0) < 0 && errno == EINTR) {
  }
  child.reset();
}

std::string RunDirectory() {
  if (::geteuid() == 0) return "/run/faber";
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  return runtime == nullptr || runtime[0] != '/' ? "" : std::string(runtime) + "/faber";
}

std::vector<int> Numbers(const std::vector<UniqueFd>& fds) {
  std::vector<int> numbers;
  numbers.reserve(fds.size());
  for (const UniqueFd& fd : fds) numbers.push_back(fd.get());
  return numbers;
}

}  // namespace

Result<Jailer> Jailer::Open(const Options& options) {
  using Mode = Options::Mode;
  const std::string directory = RunDirectory();
  if (options.mode != Mode::kChild && !directory.empty()) {
    Result<UniqueFd> running = ConnectUnix(directory + "/jailer.sock", SocketType::kSeqPacket);
    // With no other way there is nothing to decide: every message says its version.
    if (running && (options.mode == Mode::kRunning ||
                    Ask(running->get(), Type::kHello, {}, {}, Type::kHelloOk))) {
      return Jailer(*std::move(running), std::nullopt);
    }
  }
  if (options.mode == Mode::kRunning) {
    return Unreachable("no jailer of this user listens in " + directory, "start one: faber jailer");
  }
  const std::string program = TRY(FindJailer(options.program));
  SocketPair pair = TRY(MakeSocketPair(SocketType::kSeqPacket));
  const pid_t pid = TRY(StartJailer(program, pair.second.get()));
  pair.second.reset();
  Jailer jailer(std::move(pair.first), pid);
  const auto hello = Ask(jailer.connection_.get(), Type::kHello, {}, {}, Type::kHelloOk);
  if (!hello) {
    jailer.connection_.reset();
    Reap(jailer.child_);
    return hello.error();
  }
  return jailer;
}

struct Exec::State {
  UniqueFd channel;
  UniqueFd terminal;
  std::optional<model::Outcome> outcome;
  bool accepted = false;
  Status Receive();
};

Exec::Exec(std::unique_ptr<State> state) : state_(std::move(state)) {}
Exec::Exec(Exec&&) noexcept = default;
Exec& Exec::operator=(Exec&&) noexcept = default;
Exec::~Exec() = default;  // Closing the channel cancels the command.

int Exec::fd() const { return state_->channel.get(); }
UniqueFd Exec::TakeTerminal() { return std::move(state_->terminal); }

Status Exec::Signal(int signal) {
  const protocol::Signal order{.number = signal};
  const Status sent = SendMessage(state_->channel.get(),
                                  protocol::EncodeFrame(Type::kSignal, 0, protocol::Encode(order)));
  // Over already: Wait() has the news.
  return sent || sent.error().sys_errno == EPIPE ? Status() : sent;
}

Status Exec::Terminate(model::Fate fate, std::chrono::milliseconds grace) {
  const protocol::Terminate order{.fate = fate, .grace = grace};
  const Status sent = SendMessage(
      state_->channel.get(), protocol::EncodeFrame(Type::kTerminate, 0, protocol::Encode(order)));
  return sent || sent.error().sys_errno == EPIPE ? Status() : sent;
}

Result<std::optional<model::Outcome>> Exec::Poll() {
  while (!state_->outcome) {
    const short events = TRY(PollOne(state_->channel.get(), POLLIN, steady_clock::now()));
    if (events == 0) return std::optional<model::Outcome>();
    TRY(state_->Receive());
  }
  return state_->outcome;
}

// One message of the jailer: the outcome, or what stands for it.
Status Exec::State::Receive() {
  auto answer = ReceiveAnswer(channel.get(), 0, std::nullopt);
  if (!accepted) {  // StartAlone did not wait for it.
    if (!answer) return answer.error();
    accepted = answer->type == Type::kAccepted;
    if (accepted) return {};
  }
  model::Outcome received;
  if (answer && answer->type == Type::kOutcome) {
    received = TRY(protocol::DecodeOutcome(answer->body));
  } else {
    received.fate = model::Fate::kInfrastructureFailure;
    received.message = answer ? "the jailer gave no outcome" : answer.error().ToString();
  }
  outcome = std::move(received);
  return {};
}

Result<model::Outcome> Exec::Wait() {
  while (!state_->outcome) TRY(state_->Receive());
  return *state_->outcome;
}

struct Jail::State {
  UniqueFd connection;
  std::optional<pid_t> child;
  model::SandboxInfo info;
  std::mutex asking;  // One request with a reply at a time.
  bool live = true;
  std::uint32_t created = 0;  // Requests of StartAlone whose answers are still to come.
  std::uint32_t stopping = 0;

  Status Confirm() {
    const std::uint32_t request = std::exchange(created, 0);
    if (request == 0) return {};
    const Result<Answer> answer = Receive(connection.get(), request, Type::kReady);
    if (!answer) {
      stopping = 0;  // What was not made does not end either.
      return answer.error();
    }
    info = TRY(protocol::DecodeSandboxInfo(answer->body));
    return {};
  }
  Status Stop() {
    const std::lock_guard<std::mutex> lock(asking);
    if (!std::exchange(live, false)) return {};
    const auto stopped = stopping != 0 ? Receive(connection.get(), stopping, Type::kStopped)
                                       : Ask(connection.get(), Type::kStop, {}, {}, Type::kStopped);
    connection.reset();
    Reap(child);
    if (!stopped) return stopped.error();
    return {};
  }
  ~State() { (void)Stop(); }
};

Jail::Jail(std::unique_ptr<State> state) : state_(std::move(state)) {}
Jail::Jail(Jail&&) noexcept = default;
Jail& Jail::operator=(Jail&&) noexcept = default;
Jail::~Jail() = default;

Result<Jail> Jail::Wish(Jailer jailer, const model::SandboxSpec& wanted) {
  model::SandboxSpec spec = wanted;
  auto state = std::make_unique<State>();
  state->connection = std::move(jailer.connection_);
  state->child = jailer.child_;
  TRY(plan::CheckSandbox(spec));
  TRY(PrepareDiskLimit(spec));
  const std::vector<UniqueFd> sources = TRY(OpenSources(spec));
  state->created =
      TRY(Send(state->connection.get(), Type::kCreate, protocol::Encode(spec), Numbers(sources)));
  return Jail(std::move(state));
}

Result<Jail> Jail::Create(Jailer jailer, const model::SandboxSpec& spec) {
  Jail jail = TRY(Wish(std::move(jailer), spec));
  TRY(jail.Confirm());
  return jail;
}

Status Jail::Confirm() {
  const std::lock_guard<std::mutex> lock(state_->asking);
  return state_->Confirm();
}

Result<Jail> Jail::Reattach(Jailer jailer) {
  auto state = std::make_unique<State>();
  state->connection = std::move(jailer.connection_);
  const Answer answer = TRY(Ask(state->connection.get(), Type::kInfo, {}, {}, Type::kReady));
  model::SandboxInfo info = TRY(protocol::DecodeSandboxInfo(answer.body));
  state->info = std::move(info);
  return Jail(std::move(state));
}

const model::SandboxInfo& Jail::info() const { return state_->info; }

namespace {

// Sends the order and gives our end of the channel.
Result<UniqueFd> Order(int connection, const protocol::StartExec& start, const GuestStdio& stdio,
                       std::uint32_t request) {
  SocketPair pair = TRY(MakeSocketPair(SocketType::kSeqPacket));
  std::vector<int> fds = {pair.second.get()};
  if (!start.spec.tty) {
    for (const UniqueFd* stream : {&stdio.in, &stdio.out, &stdio.err}) {
      if (!*stream) {
        return Failure(Code::kInvalidArgument, "a standard stream of the command is missing",
                       "spec_invalid", "give three pipes, or ask for a terminal");
      }
      fds.push_back(stream->get());
    }
  }
  // One message: requests of several threads cannot mix, and this one has no reply here.
  if (!SendMessage(connection, protocol::EncodeFrame(Type::kExec, request, protocol::Encode(start)),
                   fds)) {
    return JailGone("the jailer has ended");
  }
  return std::move(pair.first);
}

struct Started {
  UniqueFd channel;
  UniqueFd terminal;
};

Result<Started> StartOn(int connection, const protocol::StartExec& start, const GuestStdio& stdio) {
  Started started;
  started.channel = TRY(Order(connection, start, stdio, 0));
  Answer answer = TRY(ReceiveAnswer(started.channel.get(), 0, steady_clock::now() + kAnswerLimit));
  if (answer.type != Type::kAccepted) return JailGone("the jailer did not accept the command");
  if (!answer.fds.empty()) started.terminal = std::move(answer.fds[0]);
  return started;
}

}  // namespace

Result<Jail::Alone> Jail::StartAlone(Jailer jailer, const model::SandboxSpec& spec,
                                     const model::ExecSpec& exec, const GuestStdio& stdio) {
  TRY(plan::CheckExec(exec));
  Jail jail = TRY(Wish(std::move(jailer), spec));
  protocol::StartExec start;
  start.spec = exec;
  start.then_stop = true;
  jail.state_->stopping = NextRequest();
  auto channel = Order(jail.state_->connection.get(), start, stdio, jail.state_->stopping);
  if (!channel) {
    jail.state_->stopping = 0;
    TRY(jail.Confirm());  // A refusal says more.
    return channel.error();
  }
  auto state = std::make_unique<Exec::State>();
  state->channel = *std::move(channel);
  return Alone{std::move(jail), Exec(std::move(state))};
}

Result<Exec> Jail::Start(const model::ExecSpec& spec, GuestStdio stdio) {
  TRY(plan::CheckExec(spec));
  protocol::StartExec start;
  start.spec = spec;
  start.rows = stdio.rows;
  start.columns = stdio.columns;
  Started started = TRY(StartOn(state_->connection.get(), start, stdio));
  auto state = std::make_unique<Exec::State>();
  state->channel = std::move(started.channel);
  state->terminal = std::move(started.terminal);
  state->accepted = true;
  return Exec(std::move(state));
}

Result<Exec> Jail::StartFileHelper(GuestStdio stdio) {
  protocol::StartExec start;
  start.spec.argv = {"faber-init", "files"};
  start.spec.cwd = GuestPath("/");
  start.file_helper = true;
  Started started = TRY(StartOn(state_->connection.get(), start, stdio));
  auto state = std::make_unique<Exec::State>();
  state->channel = std::move(started.channel);
  state->accepted = true;
  return Exec(std::move(state));
}

Status Jail::Stop() { return state_->Stop(); }

UniqueFd Jail::ReleaseLease() {
  const std::lock_guard<std::mutex> lock(state_->asking);
  state_->live = false;
  return std::move(state_->connection);
}

}  // namespace fabro::jail
