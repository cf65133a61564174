// What a command left running when it may (keep_background): its group and its filter's listener,
// which must be answered for as long as somebody is below the filter. Unanswered, a forbidden call
// would only fail, and its process live on. The limits of time of the command hold on, or a leader
// that ends at once would have none.
#pragma once

#include <chrono>

#include <functional>
#include <optional>

#include "fabro/jail/supervise/descriptors.h"
#include "fabro/jail/supervise/loop.h"
#include "fabro/linux/cgroup/leaf.h"
#include "fabro/linux/seccomp/seccomp.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::jail::supervise {

class Background {
 public:
  struct Limits {
    std::optional<Loop::TimePoint> until;  // Wall clock.
    std::optional<std::chrono::nanoseconds>
        cpu_time;  // Of the leaf, what the command used included.
  };
  // `on_end`: nobody is below the filter any more; may destroy *this. The loop outlives it.
  Background(Loop& loop, cgroup::Leaf leaf, UniqueFd listener, seccomp::FilterOptions filter,
             const Limits& limits);
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  void Hold(DescriptorBudget::Share share) { share_ = std::move(share); }
  void OnEnd(std::function<void()> on_end) { on_end_ = std::move(on_end); }
  // For giving the group back; *this is of no use afterwards.
  cgroup::Leaf TakeLeaf() { return std::move(leaf_); }

 private:
  void OnListener(short events);
  void SampleCpu();
  void Kill();

  Loop& loop_;
  DescriptorBudget::Share share_;
  cgroup::Leaf leaf_;
  UniqueFd listener_;
  seccomp::FilterOptions filter_;
  std::function<void()> on_end_;
  Limits limits_;
  Loop::Id watch_ = 0;
  Loop::Id wall_timer_ = 0;
  Loop::Id cpu_timer_ = 0;
};

}  // namespace fabro::jail::supervise
