#include "fabro/jail/supervise/exec.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <deque>
#include <span>
#include <utility>

#include "fabro/jail/supervise/violations.h"
#include "fabro/linux/socket.h"

namespace fabro::jail::supervise {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using wire::Type;

constexpr milliseconds kLongestSample{100};
// From the order to the filter. What takes longer is held up by somebody: a guest beside it has the
// same id and may stop it, and no limit of its own runs before the filter is in.
constexpr std::chrono::seconds kStartLimit{10};

cgroup::Limits LeafLimits(const model::Limits& limits) {
  cgroup::Limits leaf;
  leaf.memory = limits.memory;
  if (limits.pids) leaf.pids = *limits.pids;
  leaf.cpu_milli = limits.cpu_millis;
  return leaf;
}

// Compiled once: that takes as long as a fork, and a jailer has few of them. Valid until the next
// call.
Result<std::span<const sock_filter>> FilterFor(const seccomp::FilterOptions& options) {
  using Kept = std::pair<seccomp::FilterOptions, std::vector<sock_filter>>;
  // The loop has one thread. A caller may name any set of calls: an old one makes room.
  constexpr std::size_t kMost = 64;
  static std::deque<Kept> kept;
  const auto found = std::find_if(kept.begin(), kept.end(),
                                  [&](const Kept& each) { return each.first == options; });
  if (found != kept.end()) return std::span<const sock_filter>(found->second);
  std::vector<sock_filter> filter = TRY(seccomp::CompileFilter(options));
  if (kept.size() == kMost) kept.pop_front();
  kept.emplace_back(options, std::move(filter));
  return std::span<const sock_filter>(kept.back().second);
}

}  // namespace

Exec::Exec(Loop& loop, cgroup::SlotGroup& group, int init_socket, Parts parts, cgroup::Leaf leaf,
           std::function<void()> on_end)
    : loop_(loop),
      share_(std::move(parts.share)),
      group_(group),
      init_socket_(init_socket),
      on_end_(std::move(on_end)),
      id_(parts.id),
      plan_(std::move(parts.plan)),
      filter_(parts.filter),
      deny_jit_(parts.deny_jit),
      bounding_(parts.bounding),
      capabilities_(parts.capabilities),
      rows_(parts.rows),
      columns_(parts.columns),
      stdio_(std::move(parts.stdio)),
      program_(std::move(parts.program)),
      channel_(std::move(parts.channel)),
      network_(parts.network) {
  if (network_ != nullptr) network_before_ = network_->Usage();
  leaf_.emplace(std::move(leaf));
  sandbox_ooms_ = group_.ReadOomEvents().value_or(0);
}

// The limit that the caller set for all commands together is the guest's own too, not an
// operator's.
bool Exec::SandboxWasFull() const {
  // v1 does not count them: there a group whose limit was met had its peak at it (usage.cc).
  constexpr std::uint64_t kLargestAllocation = 32 * 1024;
  const auto usage = group_.ReadUsage();
  if (!usage) return false;
  if (usage->oom_events > sandbox_ooms_) return true;
  return usage->memory_limit && usage->memory_peak &&
         *usage->memory_peak + kLargestAllocation >= *usage->memory_limit;
}

Exec::~Exec() {
  for (Loop::Id* id : {&channel_watch_, &status_watch_, &listener_watch_, &wall_timer_, &cpu_timer_,
                       &memory_timer_, &kill_timer_, &signal_timer_}) {
    loop_.Remove(*id);
  }
}

Result<std::unique_ptr<Exec>> Exec::Start(Loop& loop, cgroup::SlotGroup& group, int init_socket,
                                          Parts parts, std::function<void()> on_end) {
  cgroup::Leaf leaf = TRY_IN("making the command's control group", group.TakeLeaf());
  TRY_IN("limiting the command", leaf.Apply(LeafLimits(parts.plan.spec.limits)));
  SocketPair status = TRY(MakeSocketPair(SocketType::kSeqPacket));
  std::unique_ptr<Exec> exec(
      new Exec(loop, group, init_socket, std::move(parts), std::move(leaf), std::move(on_end)));
  exec->status_ = std::move(status.first);
  TRY(exec->SendOrder(status.second.get()));
  exec->stdio_.clear();
  exec->program_.reset();
  if (!exec->plan_.spec.tty) exec->SendAccepted(-1);
  Exec* self = exec.get();
  self->channel_watch_ =
      loop.Watch(self->channel_.get(), POLLIN, [self](short) { self->OnChannel(); });
  self->status_watch_ =
      loop.Watch(self->status_.get(), POLLIN, [self](short) { self->OnStatus(); });
  self->wall_timer_ = loop.At(steady_clock::now() + kStartLimit, [self] {
    self->facts_.infrastructure = "the command was stopped by another on its way to its start";
    self->Kill();
  });
  return exec;
}

Status Exec::SendOrder(int status_end) {
  const std::span<const sock_filter> filter = TRY(FilterFor(filter_));
  const model::ExecSpec& spec = plan_.spec;
  wire::Exec order;
  order.exec_id = id_;
  order.argc = static_cast<std::uint32_t>(spec.argv.size());
  order.envc = static_cast<std::uint32_t>(spec.env.size());
  order.filter_count = static_cast<std::uint32_t>(filter.size());
  order.task_id = plan::kTaskId;
  order.tty = spec.tty ? 1 : 0;
  order.tty_rows = rows_;
  order.tty_cols = columns_;
  order.tell_fork = order.tty;  // Its answer carries the terminal; nothing else in it is news.
  order.deny_jit = deny_jit_ ? 1 : 0;
  order.bounding = bounding_;
  order.capabilities = capabilities_;
  order.has_program = program_ ? 1 : 0;
  const bool clone_into = group_.may_place();
  const std::span<const int> attach =
      clone_into ? leaf_->AttachFdsAfterClone() : leaf_->AttachFds();
  order.has_leaf_dir = clone_into ? 1 : 0;
  order.leaf_fds = static_cast<std::uint8_t>(attach.size());
  if (plan_.rlimits.size() > wire::kMaxRlimits || order.leaf_fds > wire::kMaxLeafFds) {
    return Failure(Code::kInternal, "the order for init does not hold this plan");
  }
  order.rlimit_count = static_cast<std::uint8_t>(plan_.rlimits.size());
  for (std::size_t i = 0; i < plan_.rlimits.size(); ++i) {
    const plan::RlimitPlan& limit = plan_.rlimits[i];
    order.rlimits[i] = {.resource = limit.resource, .soft = limit.soft, .hard = limit.hard};
  }
  CopyText(order.cwd, spec.cwd.value());
  CopyText(order.path, plan_.path);
  std::string tail;
  for (const auto* list : {&spec.argv, &spec.env}) {
    for (const std::string& text : *list) tail.append(text.c_str(), text.size() + 1);
  }
  order.string_bytes = static_cast<std::uint32_t>(tail.size());
  tail.resize((tail.size() + 7) / 8 * 8, '\0');
  tail.append(reinterpret_cast<const char*>(filter.data()), filter.size_bytes());
  std::vector<int> fds = {status_end};
  for (const UniqueFd& fd : stdio_) fds.push_back(fd.get());
  fds.insert(fds.end(), attach.begin(), attach.end());
  if (clone_into) fds.push_back(leaf_->CloneIntoFd());
  if (program_) fds.push_back(program_.get());
  return SendWire(init_socket_, Type::kExec, std::string(BytesOf(order)).append(tail), fds);
}

void Exec::SendAccepted(int terminal) {
  if (std::exchange(accepted_, true)) return;
  const std::string packet = protocol::EncodeFrame(protocol::Type::kAccepted, 0);
  // A caller that is gone hangs up, which OnChannel sees.
  (void)SendMessage(channel_.get(), packet, std::span<const int>(&terminal, terminal >= 0 ? 1 : 0));
}

void Exec::OnForked(UniqueFd terminal) { SendAccepted(terminal.get()); }

void Exec::OnEnded(const wire::ExecEnded& ended) {
  facts_.leader_ended = true;
  facts_.leader_signaled = ended.si_code != CLD_EXITED;
  facts_.leader_status = ended.status;
  Finish();
}

void Exec::OnChannel() {
  const auto message = ReceiveMessage(channel_.get(), protocol::kMaxMessage, 0);
  const auto frame = message && !message->closed ? protocol::DecodeFrame(message->bytes)
                                                 : Result<protocol::Frame>(Error());
  if (!frame) {  // Hung up, or not ours: the owner of the command is gone.
    loop_.Remove(channel_watch_);
    facts_.cancelled = true;
    Kill();
    return;
  }
  if (frame->type == protocol::Type::kSignal) {
    const auto signal = protocol::DecodeSignal(frame->body);
    if (signal && signal->number > 0 && signal->number <= SIGRTMAX) SignalGroup(signal->number);
  } else if (frame->type == protocol::Type::kTerminate) {
    const auto order = protocol::DecodeTerminate(frame->body);
    if (order) Terminate(*order);
  }
}

void Exec::OnStatus() {
  auto message = ReceiveWire(status_.get(), steady_clock::now());
  if (!message || message->closed) {  // Close-on-exec: the program runs, or the payload ended.
    loop_.Remove(status_watch_);
    return;
  }
  wire::Failed failed;
  if (message->type == Type::kFailed && message->Read(failed)) {
    facts_.failed = failed;
    // Init's, who made no process: nobody will be reaped, so nobody will tell.
    if (static_cast<wire::Step>(failed.step) <= wire::Step::kFork) Finish();
  } else if (message->type == Type::kListener && message->fds.size() == 1) {
    // What may follow is a failed execve, which Finish() reads: no need to wake up for its end.
    loop_.Remove(status_watch_);
    OnListening(std::move(message->fds[0]));
  }
}

void Exec::OnListening(UniqueFd listener) {
  listener_ = std::move(listener);
  listener_watch_ = loop_.Watch(listener_.get(), POLLIN, [this](short events) {
    if ((events & POLLIN) != 0) {
      DrainListener();
    } else {
      loop_.Remove(listener_watch_);  // Nobody is under the filter any more.
    }
  });
  started_ = steady_clock::now();
  loop_.Remove(wall_timer_);  // That of the start.
  if (plan_.spec.limits.wall_time) {
    wall_timer_ = loop_.At(started_ + *plan_.spec.limits.wall_time, [this] {
      facts_.wall_time_limit = true;
      Kill();
    });
  }
  if (plan_.spec.limits.cpu_time) ArmCpuTimer(Nanos::zero());
  if (plan_.spec.limits.memory) WatchMemory();
}

void Exec::DrainListener() {
  // At most so many at once: a flood must not keep the loop from its other work.
  constexpr int kAtOnce = 64;
  bool forbidden = false;
  for (int i = 0; i < kAtOnce; ++i) {
    const std::optional<bool> kill = AnswerOne(listener_.get(), filter_, outcome_);
    if (!kill) break;
    forbidden = forbidden || *kill;
  }
  // Last, since it may end *this.
  if (forbidden && !std::exchange(facts_.killed_for_violation, true)) Kill();
}

void Exec::ArmCpuTimer(Nanos used) {
  // The earliest moment at which the rest can be used up, with all cores at it.
  static const auto cores = static_cast<unsigned>(std::max(1L, ::sysconf(_SC_NPROCESSORS_CONF)));
  const Nanos earliest = (*plan_.spec.limits.cpu_time - used) / cores;
  const Nanos span = std::clamp<Nanos>(earliest, milliseconds(1), kLongestSample);
  cpu_timer_ = loop_.At(steady_clock::now() + span, [this] { SampleCpu(); });
}

// Control groups of version 1 kill one process when their memory is full, not the group
// (isolation.md 5.2): a leader that waits for the one that is gone would wait for ever.
void Exec::WatchMemory() {
  memory_timer_ = loop_.At(steady_clock::now() + kLongestSample, [this] {
    const auto usage = leaf_->ReadUsage();
    if (usage && usage->oom == cgroup::OomSource::kOwn) return Kill();
    WatchMemory();
  });
}

void Exec::SampleCpu() {
  cpu_timer_ = 0;
  const auto usage = leaf_->ReadUsage();
  if (usage && usage->cpu_time < *plan_.spec.limits.cpu_time) return ArmCpuTimer(usage->cpu_time);
  // A limit that cannot be read any more is not a limit that holds.
  facts_.cpu_time_limit = true;
  Kill();
}

}  // namespace fabro::jail::supervise
