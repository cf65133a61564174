// The keys of the configuration about the network and about rights, as parts of a request.
#pragma once

#include "fabro/base/result.h"
#include "fabro/config/engine/settings.h"
#include "fabro/model/run_request.h"

namespace fabro::faber {

// sandbox.network.*: `enabled` alone means mode egress with what is allowed (isolation
// specification, 1.2 and 10.0). Errors name the place in the file: bad_option.
Status ApplyNetworkSettings(const config::engine::Settings& settings, model::RunRequest& request);

// security.capabilities.allowed, security.allow_ptrace, sandbox.time.*.
Status ApplyRightSettings(const config::engine::Settings& settings, model::RunRequest& request);

}  // namespace fabro::faber
