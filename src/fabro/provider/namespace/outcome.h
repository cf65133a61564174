// What a provider says of a command, from what the engine says of it.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "fabro/base/byte_size.h"
#include "fabro/base/result.h"
#include "fabro/model/outcome.h"
#include "fabro/provider/provider.h"

namespace fabro::provider {

// An Error when the command's fate is ours: the sandbox died, the machine is full. `memory`: the
// sandbox's own limit, which then is the ancestor that was full (a background process of an earlier
// command counts against it too).
Result<ExecResult> ToExecResult(const model::Outcome& outcome, std::optional<ByteSize> memory);

// The line that stands last on stderr of a command that the isolation ended, with newline; empty
// for the others.
std::string LastLine(const model::Outcome& outcome, std::optional<ByteSize> memory);

}  // namespace fabro::provider
