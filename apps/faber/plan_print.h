// `faber run --print=STEP`: the value between two steps, as JSON.
#pragma once

#include "apps/faber/run_request.h"
#include "fabro/base/result.h"
#include "fabro/model/json.h"

namespace fabro::faber {

// request: what the options say. plan: the same with every open choice made for this machine. jail:
// the mounts, limits and policy that the jailer works by. Looks at the machine, changes nothing;
// the errors are those that a run would give.
Result<model::Json> PrintedStep(const model::RunRequest& request, PrintStep step);

}  // namespace fabro::faber
