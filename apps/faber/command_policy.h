// The command policy of an invocation, and what it says of the command.
#pragma once

#include <string>

#include "apps/faber/cli.h"
#include "fabro/base/result.h"
#include "fabro/model/command_policy.h"
#include "fabro/model/run_request.h"

namespace fabro::faber {

// Lays --command-policy, --preset and --on-indeterminate over `base`. Reason "bad_option".
Result<model::CommandPolicy> ReadCommandPolicy(const Invocation& invocation,
                                               model::CommandPolicy base);

// Looks the programs up where the sandbox will have them. Nothing is started.
model::PolicyDecision JudgeCommand(const model::RunRequest& request,
                                   const model::CommandPolicy& policy);

// For people: the verdict, then the commands that were read, one a line.
std::string DecisionText(const model::PolicyDecision& decision);

}  // namespace fabro::faber
