// Two Jails never have the same disk workspace writable at the same time (isolation.md 4.7): the
// jailer holds a flock(2) on the workspace's directory for as long as the Jail lives. The kernel
// frees it when the jailer dies in whatever way. A guest cannot reach the lock: the directory
// itself is mounted nowhere, only what is in it.
#pragma once

#include <string>

#include "fabro/base/result.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::jail::supervise {

// `workspace`: its directory or image. The lock is what the descriptor holds. `path` is for
// messages. A holder that is ending (a jailer whose caller has just died) is waited for, up to a
// second; then, or when this process is the holder, the error is workspace_refused and names the
// holder.
Result<UniqueFd> LockWorkspace(int workspace, const std::string& path);

}  // namespace fabro::jail::supervise
