// Who may use a jailer that listens: the same user, from the same place. A peer in another cgroup,
// mount, network or user namespace would leave its container or batch job through us; it is refused
// and starts a jailer of its own where it is (isolation.md 2.1).
#pragma once

#include "fabro/base/result.h"

namespace fabro::jail::supervise {

// kPermissionDenied, jailer_refused. Needs SO_PEERPIDFD (Linux 6.5): without it nobody can be told
// from a later process with the same pid, and all are refused.
Status CheckPeer(int connection);

}  // namespace fabro::jail::supervise
