// What a provider says of a command, from what the engine says of it.
#pragma once

#include <chrono>
#include <string>

#include "fabro/base/result.h"
#include "fabro/model/outcome.h"
#include "fabro/provider/provider.h"

namespace fabro::provider {

// An Error when the command's fate is ours: the sandbox died, the machine is full. `limited`: the
// sandbox has a memory limit of its own, which then is the ancestor that was full (a background
// process of an earlier command counts against it too).
Result<ExecResult> ToExecResult(const model::Outcome& outcome, bool limited);

// The line that stands last on stderr of a command that the isolation ended, with newline; empty
// for the others.
std::string LastLine(const model::Outcome& outcome, bool limited);

}  // namespace fabro::provider
