// What a provider says of a command, from what the engine says of it.
#pragma once

#include <chrono>
#include <string>

#include "fabro/base/result.h"
#include "fabro/model/outcome.h"
#include "fabro/provider/provider.h"

namespace fabro::provider {

// An Error when the command's fate is ours: the sandbox died, the machine is full.
Result<ExecResult> ToExecResult(const model::Outcome& outcome);

// The line that stands last on stderr of a command that the isolation ended, with newline; empty
// for the others.
std::string LastLine(const model::Outcome& outcome);

}  // namespace fabro::provider
