// [run.environment.network]: from mode and lists to what a provider can hold. Internal to the room,
// but for EgressOf in environment.h.
#pragma once

#include "fabro/base/result.h"
#include "fabro/config/settings.h"
#include "fabro/environment/environment.h"

namespace fabro::environment {

// Lays the overrides' network over the environment's. Errors: network_unenforceable,
// network_invalid; each names the key and one fix. Spec: environments, 3.4; sandboxes, 11.
Status ApplyNetwork(ResolvedEnvironment& environment, const config::EnvironmentOverrides& over);

// Of the level that is set now: network_unenforceable.
Status CheckNetworkAtLevel(const ResolvedEnvironment& environment);

}  // namespace fabro::environment
