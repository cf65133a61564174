// Two Jails never have the same disk workspace writable at the same time, nor one that lies within
// the other's (isolation.md 4.7): for as long as the Jail lives the jailer holds a flock(2) on the
// workspace's directory, exclusive, and one on each directory above it that could be a workspace
// too, shared. The kernel frees them when the jailer dies in whatever way. A guest cannot reach the
// locks: the directories themselves are mounted nowhere, only what is in the workspace.
#pragma once

#include <string>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::jail::supervise {

using WorkspaceLock = std::vector<UniqueFd>;  // Held by these descriptors.

// `workspace`: its directory or image. Does not wait. "workspace_refused" with errno EWOULDBLOCK
// names the holder, who may be on the way out: try again for a moment. `path` is for messages.
Result<WorkspaceLock> TryLockWorkspace(int workspace, const std::string& path);

}  // namespace fabro::jail::supervise
