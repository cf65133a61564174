// Limits of a control group. What is not set is unlimited there (the groups above still limit).
#pragma once

#include <cstdint>
#include <optional>

#include "fabro/base/byte_size.h"
#include "fabro/base/result.h"
#include "fabro/linux/cgroup/group.h"

namespace fabro::cgroup {

struct Limits {
  std::optional<ByteSize> memory = {};     // Swap is never used on top of it.
  std::optional<std::uint64_t> pids = {};  // Processes and threads.
  std::optional<std::uint32_t> cpu_milli =
      {};  // 1000 = one core, over periods of 100 ms; 10 at least.
  // Whether an OOM kill for this group's limit ends all that is in and below it, where the kernel
  // can do that (v2: memory.oom.group). Not for a slot, whose zygote and init are the engine's.
  bool kill_together = true;

  friend bool operator==(const Limits&, const Limits&) = default;
};

// Sets all limits of `group`; what was set before and is not in `limits` becomes unlimited.
// "cgroup_unavailable" where swap is on and cannot be limited. On v1 a cpu quota above the one of
// the group above is refused (EINVAL).
Status ApplyLimits(const Group& group, const Limits& limits);

}  // namespace fabro::cgroup
