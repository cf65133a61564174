#include "fabro/jail/supervise/background.h"

#include <poll.h>

#include <chrono>
#include <optional>
#include <utility>

#include "fabro/jail/supervise/violations.h"
#include "fabro/model/outcome.h"

namespace fabro::jail::supervise {

namespace {

// A limit of what nobody waits for may be met a little late.
constexpr std::chrono::milliseconds kSample{100};

}  // namespace

Background::Background(Loop& loop, cgroup::Leaf leaf, UniqueFd listener,
                       seccomp::FilterOptions filter, const Limits& limits)
    : loop_(loop),
      leaf_(std::move(leaf)),
      listener_(std::move(listener)),
      filter_(filter),
      limits_(limits) {
  if (!listener_) return;
  watch_ = loop_.Watch(listener_.get(), POLLIN, [this](short events) { OnListener(events); });
  if (limits_.until) wall_timer_ = loop_.At(*limits_.until, [this] { Kill(); });
  if (limits_.cpu_time) SampleCpu();
}

Background::~Background() {
  for (Loop::Id* id : {&watch_, &wall_timer_, &cpu_timer_}) loop_.Remove(*id);
}

void Background::SampleCpu() {
  const auto usage = leaf_.ReadUsage();
  // A limit that cannot be read any more is not a limit that holds.
  if (!usage || usage->cpu_time >= *limits_.cpu_time) return Kill();
  cpu_timer_ = loop_.At(std::chrono::steady_clock::now() + kSample, [this] { SampleCpu(); });
}

// The end of the last of them closes the listener, which tells the rest.
void Background::Kill() {
  loop_.Remove(wall_timer_);
  const auto ended = leaf_.BeginKill();
  if (ended && *ended) return;
  wall_timer_ = loop_.At(std::chrono::steady_clock::now() + kSample, [this] { Kill(); });
}

void Background::OnListener(short events) {
  if ((events & POLLIN) == 0) {  // Hung up.
    loop_.Remove(watch_);
    if (on_end_) std::exchange(on_end_, nullptr)();
    return;
  }
  // The command's Outcome is out: there is nobody left to name the call to.
  model::Outcome nobody;
  const std::optional<bool> kill = AnswerOne(listener_.get(), filter_, nobody);
  if (kill && *kill) Kill();
}

}  // namespace fabro::jail::supervise
