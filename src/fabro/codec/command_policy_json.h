// The JSON of what the command policy made of a command. "guardrail": true stands in each, so that
// no reader takes it for isolation.
#pragma once

#include "fabro/model/command_policy.h"
#include "fabro/model/json.h"

namespace fabro::codec {

// {guardrail, mode, verdict, rule, why, refused}, and the commands when `commands` is set.
model::Json ToJson(const model::PolicyDecision& decision, bool commands);
model::Json ToJson(const model::CommandPolicy& policy);

}  // namespace fabro::codec
