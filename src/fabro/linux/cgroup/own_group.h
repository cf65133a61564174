// The group that this process was started in, made ready to have groups with controllers below it.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>

#include "fabro/base/result.h"
#include "fabro/linux/cgroup/group.h"
#include "fabro/linux/cgroup/hierarchy.h"

namespace fabro::cgroup {

inline constexpr char kScopeFix[] =
    "start it in a delegated group: systemd-run --scope -p Delegate=yes faber ...";

// "faber-<uid>": the one group of ours in it.
std::string TopName(uid_t uid);

// Our own group in each tree; where we are already in `faber-<uid>/service`, the group above that.
Result<Group> OpenOwn(const Hierarchy& hierarchy, uid_t uid);

// Gives its children controllers. v2 wants the group without processes for that ("no internal
// processes", cgroups(7); the root of the tree excepted): we move into `faber-<uid>/service`, and
// with us those that run a program of ours or were started by one. `kin`: processes whose program
// counts as ours beside our own. With anybody else in the group: EBUSY, and all stay where they
// are.
Status EnableOwn(const Group& own, uid_t uid, std::span<const pid_t> kin);

}  // namespace fabro::cgroup
