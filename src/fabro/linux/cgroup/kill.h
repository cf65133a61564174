// Ends every process of a group, whatever it did to get away: setsid, double fork, fork bomb.
#pragma once

#include <chrono>

#include "fabro/base/result.h"
#include "fabro/linux/cgroup/group.h"

namespace fabro::cgroup {

// How long a kill may take before it counts as failed (isolation.md 5.4).
inline constexpr std::chrono::seconds kKillLimit{5};

// SIGKILL to all, and waits until the group is empty. By cgroup.kill where there is a v2 tree
// (Linux 5.14); else pids.max=0 (v1), freeze, SIGKILL each, thaw, until none is left. The pids
// limit stays 0 on that path: set the limits anew before the group is used again.
// kDeadlineExceeded, "cgroup_not_empty", after kKillLimit: a process hangs in the kernel.
//
// Zombies do not count: whoever is their parent reaps them.
Status KillAll(const Group& group);

}  // namespace fabro::cgroup
