// The options of `faber run` for network mode egress.
#pragma once

#include <span>

#include "apps/faber/cli.h"
#include "fabro/base/result.h"
#include "fabro/model/run_request.h"

namespace fabro::faber {

// Reads --allow-host and its kin, and leaves other options alone. One of them without --network
// means --network egress; ports on the command line replace those that were there. Errors as in
// ReadRunArguments.
Status ReadNetworkOptions(model::RunRequest& request, std::span<const OptionUse> options);

}  // namespace fabro::faber
