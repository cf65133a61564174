#include "fabro/jail/supervise/session.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include "fabro/jail/plan/syscalls.h"
#include "fabro/jail/supervise/channel.h"
#include "fabro/jail/supervise/planning.h"

namespace fabro::jail::supervise {
namespace {

using protocol::Type;
using std::chrono::steady_clock;

// What the guest may get as a stream: an anonymous pipe or /dev/null. A socket would carry it out
// of its network, a file or directory out of its root, a terminal into its owner's shell (2.4).
Status CheckStream(int fd, const char* name) {
  constexpr unsigned kNullMajor = 1;
  constexpr unsigned kNullMinor = 3;
  struct stat status{};
  if (::fstat(fd, &status) != 0) return SysFailure("fstat", name);
  if (S_ISCHR(status.st_mode) && status.st_rdev == makedev(kNullMajor, kNullMinor)) return {};
  struct statfs system{};
  if (::fstatfs(fd, &system) != 0) return SysFailure("fstatfs", name);
  if (S_ISFIFO(status.st_mode) && system.f_type == PIPEFS_MAGIC) return {};
  return Failure(
      Code::kInvalidArgument,
      std::string(name) + " is neither a pipe nor /dev/null, so the guest does not get it",
      "spec_invalid", "relay it through a pipe");
}

// A packet socket that never makes us wait: for a caller that reads nothing, or that reads at our
// end too, the other Jails of this jailer must not stand still.
Status CheckChannel(int fd) {
  int type = 0;
  socklen_t size = sizeof(type);
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET) {
    return Failure(Code::kInvalidArgument, "a command's channel is no SOCK_SEQPACKET socket",
                   "protocol_error");
  }
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) return SysFailure("F_SETFL");
  return {};
}

constexpr std::size_t kFewCommands = 2;
constexpr std::size_t kMostCommands = 256;  // Init has as many places (init.cc).
// Who has the workspace may be on the way out.
constexpr std::chrono::seconds kHolderMayEnd{1};
constexpr std::chrono::milliseconds kLookAgain{5};

Error Gone(const std::string& why) {
  return Failure(Code::kUnavailable, "the sandbox is gone: " + why, "jail_gone",
                 "make a new sandbox");
}

}  // namespace

Session::Session(Loop& loop, SlotPool& pool, Egress& egress, UniqueFd connection,
                 std::function<void()> on_gone, DescriptorBudget::Share share)
    : loop_(loop),
      pool_(pool),
      egress_(egress),
      share_(std::move(share)),
      connection_(std::move(connection)),
      on_gone_(std::move(on_gone)) {
  connection_watch_ = loop_.Watch(connection_.get(), POLLIN, [this](short) { OnConnection(); });
}

Session::~Session() {
  for (Loop::Id* id :
       {&connection_watch_, &init_watch_, &zygote_watch_, &creation_timer_, &end_timer_}) {
    loop_.Remove(*id);
  }
  if (slot_) (void)GiveSlotBack(broken_ ? Status() : slot_->EndJail());
}

void Session::Reply(Type type, std::uint32_t request, std::string_view body) {
  // A caller that is gone, or that never reads, is seen as a hang-up.
  (void)SendMessage(connection_.get(), protocol::EncodeFrame(type, request, body));
}

void Session::OnConnection() {
  auto message = ReceiveMessage(connection_.get(), protocol::kMaxMessage, protocol::kMaxFds);
  if (!message || message->closed) return Leave();
  const auto frame = protocol::DecodeFrame(message->bytes);
  if (!frame) {
    Reply(Type::kError, 0, protocol::Encode(frame.error()));
    return Leave();
  }
  Handle(*frame, std::move(message->fds));
}

void Session::Handle(const protocol::Frame& frame, std::vector<UniqueFd> fds) {
  switch (frame.type) {
    case Type::kHello:
      return Reply(Type::kHelloOk, frame.request);
    case Type::kCreate: {
      const Status begun = Create(frame, std::move(fds));
      if (begun) return ContinueCreate();
      return Reply(Type::kError, frame.request, protocol::Encode(begun.error()));
    }
    case Type::kInfo:
      if (slot_ && !broken_) return Reply(Type::kReady, frame.request, protocol::Encode(Info()));
      return Reply(Type::kError, frame.request,
                   protocol::Encode(Gone(broken_.value_or("none was made"))));
    case Type::kExec: {
      const Status started = StartExec(frame, fds);
      // A channel that cannot be used cannot be told so either.
      if (started) return;
      if (!fds.empty() && fds[0] && CheckChannel(fds[0].get())) {
        (void)SendMessage(fds[0].get(), protocol::EncodeFrame(Type::kError, 0,
                                                              protocol::Encode(started.error())));
      }
      // With a number it is the command that the Jail was to end with.
      if (frame.request != 0 && slot_) Stop(frame.request);
      return;
    }
    case Type::kStop:
      return Stop(frame.request);
    default:
      return Leave();
  }
}

void Session::Stop(std::uint32_t request) { BeginEnd(request); }

Status Session::Create(const protocol::Frame& frame, std::vector<UniqueFd> fds) {
  if (slot_ || broken_ || creation_) {
    return Failure(Code::kAlreadyExists, "this connection has its sandbox already",
                   "jailer_refused", "open another connection");
  }
  const model::SandboxSpec spec = TRY(protocol::DecodeSandboxSpec(frame.body));
  Sources sources = TRY(TakeSources(spec, std::move(fds), pool_.identity().rootless()));
  Planned planned = TRY(PlanWish(frame.body, spec, sources));
  plan_ = std::move(planned.plan);
  facts_ = std::move(planned.facts);
  creation_.emplace();
  creation_->request = frame.request;
  creation_->sources = std::move(sources);
  creation_->until = steady_clock::now() + kHolderMayEnd;
  return {};
}

void Session::ContinueCreate() {
  if (!facts_.workspace) return FinishCreate(MakeJail());
  auto lock = TryLockWorkspace(creation_->sources.workspace.get(), facts_.workspace->path);
  if (lock) {
    workspace_lock_ = *std::move(lock);
    // The last holder may have been killed a moment ago, and its guest be still on the way out.
    const Status cleared = pool_.ClearDead();
    return FinishCreate(cleared ? MakeJail() : cleared);
  }
  const auto now = steady_clock::now();
  if (lock.error().sys_errno != EWOULDBLOCK || now >= creation_->until) {
    return FinishCreate(lock.error());
  }
  // What was sent behind the wish waits in the socket until there is a Jail; a hang-up does not.
  loop_.Remove(connection_watch_);
  creation_waited_ = true;
  connection_watch_ = loop_.Watch(connection_.get(), 0, [this](short) { Leave(); });
  creation_timer_ = loop_.At(now + kLookAgain, [this] { ContinueCreate(); });
}

void Session::FinishCreate(const Status& made) {
  const std::uint32_t request = creation_->request;
  creation_.reset();
  if (creation_waited_) {
    creation_waited_ = false;
    loop_.Remove(connection_watch_);
    connection_watch_ = loop_.Watch(connection_.get(), POLLIN, [this](short) { OnConnection(); });
  }
  if (made) return Reply(Type::kReady, request, protocol::Encode(Info()));
  workspace_lock_.clear();
  Reply(Type::kError, request, protocol::Encode(made.error()));
}

Status Session::MakeJail() {
  const Sources& sources = creation_->sources;
  std::unique_ptr<Slot> slot = TRY(pool_.Take(plan_, facts_, sources));
  if (slot->jails() > 0) {
    shared_ = {"user_ns", "ids", "zygote", "cgroup"};
    if (plan_.spec.launch == model::Launch::kSealed) shared_.emplace_back("net_ns");
  }
  Status spawned = slot->SpawnInit(plan_, facts_, sources);
  if (spawned && plan_.spec.network == model::NetworkMode::kEgress) {
    auto network = egress_.Add(plan_.spec.egress, slot->TakeNetwork());
    if (network) {
      network_ = *std::move(network);
    } else {
      spawned = network.error();
    }
  }
  if (!spawned) {
    (void)pool_.Destroy(std::move(slot));
    return spawned;
  }
  slot_ = std::move(slot);
  init_watch_ = loop_.Watch(slot_->init()->socket.get(), POLLIN, [this](short) { OnInit(); });
  zygote_watch_ = loop_.Watch(slot_->zygote_socket(), POLLIN, [this](short) { OnZygote(); });
  return {};
}

model::SandboxInfo Session::Info() const {
  model::SandboxInfo info;
  info.launch = *plan_.spec.launch;
  info.shared = shared_;
  info.degraded = plan_.degraded;
  info.notices = plan_.notices;
  if (slot_->unmapped()) info.degraded.emplace_back("bind_identity");
  info.seccomp = "whole";
  info.landlock_abi = plan_.landlock.abi;
  info.workspace_limit = plan_.workspace_limit;
  info.cgroup_mode = pool_.cgroup_mode();
  Identity::Kind identity = pool_.identity().kind;
  if (identity == Identity::Kind::kSubordinate && slot_->ids().one()) {
    identity = Identity::Kind::kCaller;
    info.degraded.emplace_back("identity");
  }
  info.identity = ToString(identity);
  info.limits = plan_.spec.limits;
  info.init_pid = slot_->init()->pid;
  return info;
}

Result<Exec::Parts> Session::PlanParts(const protocol::StartExec& start,
                                       std::vector<UniqueFd>& fds) {
  const std::size_t streams = start.spec.tty ? 0 : 3;
  if (fds.size() != 1 + streams) {
    return Failure(Code::kInvalidArgument, "streams and descriptors differ in number",
                   "protocol_error");
  }
  TRY(CheckChannel(fds[0].get()));
  constexpr std::array kNames = {"stdin", "stdout", "stderr"};
  for (std::size_t i = 0; i < streams; ++i) TRY(CheckStream(fds[i + 1].get(), kNames[i]));
  plan::ExecPlan plan = TRY(plan::PlanExec(start.spec, plan_, facts_));
  if (execs_.size() + background_.size() >= kMostCommands) {
    return Failure(Code::kResourceExhausted,
                   "the sandbox has " + std::to_string(kMostCommands) + " commands already",
                   "jailer_full", "wait until one of them has ended");
  }
  const auto use = execs_.size() + background_.size() < kFewCommands
                       ? DescriptorBudget::Use::kCommand
                       : DescriptorBudget::Use::kMoreCommand;
  DescriptorBudget::Share share = TRY(pool_.descriptors().Take(use));
  Exec::Parts parts;
  parts.share = std::move(share);
  if (start.file_helper) {
    UniqueFd program(::fcntl(pool_.program(), F_DUPFD_CLOEXEC, 3));
    if (!program) return SysFailure("F_DUPFD_CLOEXEC");
    parts.program = std::move(program);
  }
  parts.id = ++last_exec_;
  parts.filter = plan::FilterOf(plan_.spec, start.spec.tty);
  parts.filter.allow_set_gid = plan_.set_gid;
  parts.rows = start.rows;
  parts.columns = start.columns;
  parts.bounding = plan_.capabilities;
  if (!start.file_helper) parts.capabilities = plan_.capabilities;
  parts.deny_jit = plan_.spec.syscalls.deny_jit && !start.file_helper;
  parts.plan = std::move(plan);
  parts.network = network_.get();
  for (std::size_t i = 0; i < streams; ++i) parts.stdio.push_back(std::move(fds[i + 1]));
  parts.channel = std::move(fds[0]);
  return parts;
}

// On failure fds[0] is still there, to say so on it.
Status Session::StartExec(const protocol::Frame& frame, std::vector<UniqueFd>& fds) {
  if (!slot_ || broken_) return Gone(broken_.value_or("none was made"));
  const protocol::StartExec start = TRY(protocol::DecodeStartExec(frame.body));
  Exec::Parts parts = TRY(PlanParts(start, fds));
  UniqueFd spare(::fcntl(parts.channel.get(), F_DUPFD_CLOEXEC, 3));
  const std::uint32_t id = parts.id;
  Result<std::unique_ptr<Exec>> exec =
      Exec::Start(loop_, slot_->group(), slot_->init()->socket.get(), std::move(parts),
                  [this, id] { OnExecEnd(id); });
  if (!exec) {
    fds[0] = std::move(spare);
    return exec.error();
  }
  execs_.emplace(id, *std::move(exec));
  if (start.then_stop) {
    stops_after_ = id;
    stop_request_ = frame.request;
  }
  return {};
}

void Session::OnExecEnd(std::uint32_t id) {
  const auto found = execs_.find(id);
  if (found == execs_.end()) return;
  std::unique_ptr<Background> background = found->second->TakeBackground();
  unclean_ = unclean_ || !found->second->clean();
  execs_.erase(found);
  if (background) {
    background->OnEnd([this, self = background.get()] { OnBackgroundEnd(self); });
    background_.push_back(std::move(background));
  }
  // Unless it ended because the Jail does.
  if (id == stops_after_ && slot_) Stop(stop_request_);
}

void Session::OnBackgroundEnd(const Background* ended) {
  const auto found = std::find_if(background_.begin(), background_.end(),
                                  [&](const auto& each) { return each.get() == ended; });
  if (found == background_.end()) return;
  const std::unique_ptr<Background> gone = std::move(*found);
  background_.erase(found);
  if (slot_) (void)slot_->group().GiveBack(gone->TakeLeaf());
}

void Session::OnInit() {
  auto message = ReceiveWire(slot_->init()->socket.get(), steady_clock::now());
  if (!message || message->closed) return Broken("its init ended early");
  wire::ExecForked forked;
  wire::ExecEnded ended;
  if (message->type == wire::Type::kExecForked && message->Read(forked)) {
    const auto found = execs_.find(forked.exec_id);
    if (found == execs_.end()) return;
    found->second->OnForked(message->fds.empty() ? UniqueFd() : std::move(message->fds[0]));
  } else if (message->type == wire::Type::kExecEnded && message->Read(ended)) {
    const auto found = execs_.find(ended.exec_id);
    if (found != execs_.end()) found->second->OnEnded(ended);
  } else {
    Broken("its init gave up");
  }
}

void Session::OnZygote() { Broken("its zygote or init ended early"); }

void Session::Broken(const std::string& why) {
  if (broken_) return;
  broken_ = why;
  loop_.Remove(init_watch_);
  loop_.Remove(zygote_watch_);
  (void)slot_->Destroy();
  EndExecs(why);
}

}  // namespace fabro::jail::supervise
