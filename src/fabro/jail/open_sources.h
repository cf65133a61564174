// The host paths of a SandboxSpec as descriptors: what crosses to a jailer instead of names.
#pragma once

#include <vector>

#include "fabro/base/result.h"
#include "fabro/linux/unique_fd.h"
#include "fabro/model/sandbox.h"

namespace fabro::jail {

// O_PATH descriptors in the order of the protocol: root directory, disk workspace, binds. A symlink
// as last component is not followed. Errors: rootfs_refused, workspace_refused, bind_refused.
Result<std::vector<UniqueFd>> OpenSources(const model::SandboxSpec& spec);

}  // namespace fabro::jail
