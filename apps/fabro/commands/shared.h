// What several commands do with runs.
#pragma once

#include <string>

#include "../following.h"
#include "../options.h"
#include "fabro/runs/runs.h"

namespace fabro::cli {

// The run that a user means, in the storage directory that holds here.
fabro::Result<runs::RunRef> FindRun(const GlobalOptions& global, const std::string& which);

// Removes a run with its sandbox and its worktree: none of them may outlive it.
Status RemoveRun(const runs::RunRef& run, bool force);

// What the stage that completed last changed, as a patch. kFailedPrecondition "no_checkpoints".
fabro::Result<std::string> LastStageDiff(const runs::RunRef& run);

}  // namespace fabro::cli
