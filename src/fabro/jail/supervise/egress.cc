#include "fabro/jail/supervise/egress.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <utility>

#include "fabro/linux/file.h"
#include "fabro/linux/poll.h"

namespace fabro::jail::supervise {
namespace {

using egress::wire::Type;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kAnswerLimit{10};
constexpr std::chrono::seconds kResolverCheck{5};
constexpr char kResolvConf[] = "/etc/resolv.conf";

Error Unavailable(std::string what) {
  return Failure(Code::kUnavailable, "network mode egress: " + std::move(what),
                 "network_unavailable", "install faber-egressd beside faber-jailer");
}

// Between fork and exec. `argument` is the id that it becomes.
[[noreturn]] void BecomeEgressd(int control, const char* program, char* argument) {
  constexpr int kControlFd = 3;
  constexpr int kAbove = 16;
  const int high = ::fcntl(control, F_DUPFD, kAbove);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (high < 0 || null < 0) ::_exit(1);
  for (int fd = 0; fd <= 2; ++fd) {
    if (::dup2(null, fd) < 0) ::_exit(1);
  }
  if (::dup2(high, kControlFd) < 0) ::_exit(1);
  ::close_range(kControlFd + 1, ~0U, 0);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::setsid();
  char name[] = "faber-egressd";
  char* argv[] = {name, argument, nullptr};
  char* env[] = {nullptr};
  ::execve(program, argv, env);
  ::_exit(1);
}

}  // namespace

std::string EgressProgram(const std::string& init_program) {
  return init_program.substr(0, init_program.rfind('/') + 1) + "faber-egressd";
}

Egress::~Egress() { End(); }

Egress::Share::~Share() { owner_.Remove(id_, generation_); }

model::NetworkUsage Egress::Share::Usage() const {
  model::NetworkUsage usage = ledger_->Read();
  usage.unavailable = owner_.generation_ != generation_;
  return usage;
}

Status Egress::StartProcess() {
  SocketPair pair = TRY(MakeSocketPair(SocketType::kSeqPacket));
  // Should it stop reading, it is ended; nobody else waits for it.
  if (::fcntl(pair.first.get(), F_SETFL, O_NONBLOCK) != 0) return SysFailure("F_SETFL");
  std::string id;
  if (::geteuid() == 0) {
    IdLease ids = TRY_IN("leasing ids", lease_());
    id = std::to_string(ids.task_id());
    ids_.emplace(std::move(ids));
  }
  const pid_t pid = ::fork();
  if (pid < 0) return SysFailure("fork", "faber-egressd");
  if (pid == 0) {
    BecomeEgressd(pair.second.get(), program_.c_str(), id.empty() ? nullptr : id.data());
  }
  Process process = TRY(Process::Adopt(pid));
  process_.emplace(std::move(process));
  control_ = std::move(pair.first);
  return {};
}

Status Egress::SendResolvers() {
  // Without the file the machine's own resolver is meant, resolv.conf(5).
  std::string text = ReadFile(kResolvConf, 64_KiB).value_or("");
  if (text == resolvers_ && !resolvers_.empty()) return {};
  resolvers_ = std::move(text);
  return SendMessage(control_.get(), egress::wire::Encode(Type::kResolvers, 0, resolvers_));
}

Status Egress::Start() {
  if (process_) return {};
  resolvers_.clear();
  TRY(StartProcess());
  const auto ready = Await(Type::kReady, 0);
  if (!ready) {
    End();
    return Unavailable("faber-egressd did not start: " + ready.error().message);
  }
  if (const Status sent = SendResolvers(); !sent) {
    End();
    return sent;
  }
  control_watch_ = loop_.Watch(control_.get(), POLLIN, [this](short) { OnControl(); });
  OnResolverTimer();
  return {};
}

// The answer for that sandbox; those for others are of ends that nobody waits for.
Result<Message> Egress::Await(Type type, std::uint64_t sandbox) {
  const auto deadline = steady_clock::now() + kAnswerLimit;
  for (;;) {
    const short events = TRY(PollOne(control_.get(), POLLIN, deadline));
    if (events == 0) return Unavailable("faber-egressd does not answer");
    Message packet = TRY(ReceiveMessage(control_.get(), egress::wire::kMaxMessage, 0));
    if (packet.closed) return Unavailable("faber-egressd has ended");
    const egress::wire::Message message = TRY(egress::wire::Decode(packet.bytes));
    if (message.sandbox != sandbox || message.type == Type::kRemoved) continue;
    if (message.type == Type::kFailed) return egress::wire::DecodeError(message.body);
    if (message.type != type) return Unavailable("faber-egressd answers another question");
    return packet;
  }
}

Result<std::unique_ptr<Egress::Share>> Egress::Add(const model::EgressPolicy& policy,
                                                   NetworkSockets sockets) {
  TRY(Start());
  auto share = AddToRunning(policy, std::move(sockets));
  if (!share && shares_ == 0) End();
  return share;
}

Result<std::unique_ptr<Egress::Share>> Egress::AddToRunning(const model::EgressPolicy& policy,
                                                            NetworkSockets sockets) {
  UniqueFd page = TRY(egress::wire::Ledger::Make());
  std::unique_ptr<egress::wire::Ledger> ledger = TRY(egress::wire::Ledger::Map(page.get()));
  std::vector<int> fds = {page.get()};
  for (const UniqueFd& fd : sockets.fds) fds.push_back(fd.get());
  const std::uint64_t id = ++last_;
  const std::string body = Encode(egress::wire::Add{.policy = policy, .ipv6 = sockets.ipv6});
  TRY(SendMessage(control_.get(), egress::wire::Encode(Type::kAdd, id, body), fds));
  // Ours are closed, so that nothing listens any more when egressd is gone.
  sockets.fds.clear();
  TRY(Await(Type::kAdded, id));
  ++shares_;
  return std::unique_ptr<Share>(new Share(*this, id, generation_, std::move(ledger)));
}

void Egress::Remove(std::uint64_t id, std::uint64_t generation) {
  if (generation != generation_) return;  // Gone already, and all with it.
  if (--shares_ == 0) return End();
  if (!SendMessage(control_.get(), egress::wire::Encode(Type::kRemove, id))) End();
}

void Egress::OnControl() {
  const auto packet = ReceiveMessage(control_.get(), egress::wire::kMaxMessage, 0);
  if (!packet || packet->closed) End();
}

void Egress::OnResolverTimer() {
  if (!SendResolvers()) return End();
  resolver_timer_ = loop_.At(steady_clock::now() + kResolverCheck, [this] { OnResolverTimer(); });
}

void Egress::End() {
  loop_.Remove(control_watch_);
  loop_.Remove(resolver_timer_);
  control_.reset();
  if (!process_) {
    ids_.reset();
    return;
  }
  ++generation_;
  shares_ = 0;
  process_.reset();  // Kills and reaps.
  ids_.reset();
}

}  // namespace fabro::jail::supervise
