// The options of `faber run` about system calls, and what is said of those that were refused. Pure.
#pragma once

#include <string>

#include "apps/faber/cli.h"
#include "fabro/base/result.h"
#include "fabro/linux/seccomp/seccomp.h"
#include "fabro/model/json.h"
#include "fabro/model/outcome.h"
#include "fabro/model/run_request.h"

namespace fabro::faber {

// Whether `use` is one of them; then it is in the request. Names are checked with the whole request
// (plan/syscalls.h).
bool ApplySyscallOption(model::SyscallChanges& changes, const OptionUse& use);

// "low", "medium", "high". Error: bad_option with the words that there are.
Result<seccomp::Level> ReadLevel(std::string_view where, std::string_view text);

// `--explain`: for each different call that was refused what it is for, why the level refuses it
// and what would allow it. Empty without one.
std::string ExplainViolations(const model::Outcome& outcome, const model::RunRequest& request);
model::Json ExplanationsJson(const model::Outcome& outcome, const model::RunRequest& request);

}  // namespace fabro::faber
