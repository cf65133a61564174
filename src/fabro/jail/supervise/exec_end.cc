// The end of an Exec: how it is told to end, what is done about what it leaves, and its Outcome.
#include <algorithm>
#include <bit>
#include <cerrno>
#include <csignal>
#include <utility>

#include "fabro/jail/supervise/exec.h"
#include "fabro/linux/socket.h"

namespace fabro::jail::supervise {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using wire::Type;

constexpr milliseconds kKillAgain{5};
constexpr std::chrono::seconds kKillLimit{5};
constexpr milliseconds kSendAgain{5};
// Between two looks whether what was killed has ended: at first, and at most.
constexpr Nanos kFirstLook = std::chrono::microseconds(200);
constexpr Nanos kLastLook = milliseconds(20);

void FillUsage(const cgroup::Usage& usage, model::Outcome& outcome) {
  outcome.usage.cpu_time = usage.cpu_time;
  outcome.usage.cpu_user = usage.cpu_user;
  outcome.usage.cpu_system = usage.cpu_system;
  outcome.usage.memory_peak = usage.memory_peak;
  if (usage.pids_peak) outcome.usage.pids_peak = static_cast<std::uint32_t>(*usage.pids_peak);
  outcome.usage.throttled_periods = usage.throttled_periods;
  outcome.usage.io_read = usage.io_read;
  outcome.usage.io_written = usage.io_written;
}

}  // namespace

void Exec::Terminate(const protocol::Terminate& order) {
  switch (order.fate) {
    case model::Fate::kOutputLimit:
      facts_.output_limit = true;
      break;
    case model::Fate::kTimedOut:
      facts_.wall_time_limit = true;
      break;
    default:
      facts_.cancelled = true;
  }
  if (order.grace <= milliseconds(0)) return Kill();
  SignalGroup(SIGTERM);
  if (kill_timer_ == 0)
    kill_timer_ = loop_.At(steady_clock::now() + order.grace, [this] { Kill(); });
}

// Like the kernel's own, a standard signal that waits already is not counted twice. Init is never
// waited for: it may have been given little of the processor.
void Exec::SignalGroup(int signal) {
  signals_ |= std::uint64_t{1} << (signal - 1);
  SendSignals();
}

void Exec::SendSignals() {
  loop_.Remove(signal_timer_);
  while (signals_ != 0) {
    wire::SignalExec order;
    order.exec_id = id_;
    order.signal = std::countr_zero(signals_) + 1;
    const Status sent = SendWire(init_socket_, Type::kSignalExec, BytesOf(order));
    if (!sent && sent.error().sys_errno == EAGAIN) {
      signal_timer_ = loop_.At(steady_clock::now() + kSendAgain, [this] { SendSignals(); });
      return;
    }
    signals_ &= signals_ - 1;
  }
}

// Again and again until init has reaped the leader: one that has not entered its leaf yet is
// reached by init alone, one that has left its process group by the leaf alone.
void Exec::Kill() {
  loop_.Remove(kill_timer_);
  if (ended_) return;
  const auto now = steady_clock::now();
  if (kill_until_ == steady_clock::time_point{}) kill_until_ = now + kKillLimit;
  SignalGroup(SIGKILL);
  (void)leaf_->BeginKill();
  if (now >= kill_until_) {
    facts_.infrastructure = "the command could not be killed in time";
    return Finish();
  }
  kill_timer_ = loop_.At(now + kKillAgain, [this] { Kill(); });
}

std::unique_ptr<Background> Exec::TakeBackground() {
  if (!leaf_) return nullptr;
  loop_.Remove(listener_watch_);
  const model::Limits& limits = plan_.spec.limits;
  Background::Limits left;
  if (limits.wall_time) left.until = started_ + *limits.wall_time;
  left.cpu_time = limits.cpu_time;
  auto background =
      std::make_unique<Background>(loop_, *std::move(leaf_), std::move(listener_), filter_, left);
  background->Hold(std::move(share_));
  leaf_.reset();
  return background;
}

void Exec::EndWithJail(std::optional<std::string> why) {
  if (why) {
    facts_.infrastructure = std::move(why);
  } else if (!ended_) {
    facts_.cancelled = true;
  }
  if (ended_) return Settle(Settling::kAtOnce);
  Finish(Settling::kAtOnce);
}

void Exec::Finish(Settling settling) {
  if (std::exchange(ended_, true)) return;
  for (Loop::Id* id : {&channel_watch_, &status_watch_, &wall_timer_, &cpu_timer_, &memory_timer_,
                       &kill_timer_, &signal_timer_}) {
    loop_.Remove(*id);
  }
  const auto now = steady_clock::now();
  // What was sent before the end is still in the sockets.
  for (;;) {
    auto message = ReceiveWire(status_.get(), now);
    wire::Failed failed;
    if (!message || message->closed) break;
    if (message->type == Type::kFailed && message->Read(failed)) facts_.failed = failed;
    if (message->type == Type::kListener && message->fds.size() == 1) {
      listener_ = std::move(message->fds[0]);
      // It came with the news of the end: when exactly it was sent is not known any more.
      if (started_ == steady_clock::time_point{}) started_ = ordered_;
    }
  }
  if (listener_) DrainListener();
  if (started_ != steady_clock::time_point{}) outcome_.usage.wall_time = now - started_;
  // What was told to end ends whole: a leader that obeyed does not save its children.
  const bool told = facts_.cancelled || facts_.wall_time_limit || facts_.cpu_time_limit ||
                    facts_.output_limit || facts_.killed_for_violation;
  keep_ = plan_.spec.keep_background && facts_.leader_ended && !facts_.failed && !told &&
          leaf_->Populated().value_or(true);
  kill_until_ = now + kKillLimit;
  settle_span_ = kFirstLook;
  Settle(settling);
}

// How long the dead take is up to the guest (memory to give back): the others of this jailer do not
// wait for it.
void Exec::Settle(Settling settling) {
  loop_.Remove(kill_timer_);
  if (keep_) return Conclude();
  if (settling == Settling::kAtOnce) {
    outcome_.cleanup_succeeded = leaf_->Kill().ok();
    return Conclude();
  }
  const auto now = steady_clock::now();
  const auto empty = leaf_->BeginKill();
  if (empty && !*empty && now < kill_until_) {
    kill_timer_ = loop_.At(now + settle_span_, [this] { Settle(Settling::kByAndBy); });
    settle_span_ = std::min(settle_span_ * 2, kLastLook);
    return;
  }
  outcome_.cleanup_succeeded = empty && *empty;
  Conclude();
}

void Exec::Conclude() {
  const auto usage = leaf_->ReadUsage();
  if (usage) {
    FillUsage(*usage, outcome_);
    facts_.oom = usage->oom;
    if (facts_.oom == cgroup::OomSource::kAncestor && SandboxWasFull()) {
      facts_.oom = cgroup::OomSource::kOwn;
    }
    facts_.pids_limit_hits = usage->pids_limit_hits;
  }
  if (network_ != nullptr) {
    outcome_.network = egress::wire::Between(network_before_, network_->Usage());
  }
  Classify(facts_, outcome_);
  SendAccepted(-1);
  (void)SendMessage(channel_.get(),
                    protocol::EncodeFrame(protocol::Type::kOutcome, 0, protocol::Encode(outcome_)));
  if (!keep_) {
    cgroup::Leaf leaf = std::move(*leaf_);
    leaf_.reset();
    (void)group_.GiveBack(std::move(leaf));
  }
  on_end_();
}

}  // namespace fabro::jail::supervise
