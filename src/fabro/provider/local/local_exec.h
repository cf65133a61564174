// One command on this machine: start, relay, limits, end.
#pragma once

#include "fabro/base/result.h"
#include "fabro/provider/local/process_tree.h"
#include "fabro/provider/provider.h"

namespace fabro::provider {

// `spawn` has argv, environment and directory; `mark` is its FABRO_EXEC.
Result<ExecResult> RunLocal(OrphanReaper& reaper, SpawnRequest spawn, const std::string& mark,
                            const ExecRequest& request);

}  // namespace fabro::provider
