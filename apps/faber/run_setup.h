// Everything that `faber run` and its kin read before they act: the configuration, the environment
// and the command line, in this order of precedence.
#pragma once

#include <vector>

#include "apps/faber/run_log.h"
#include "apps/faber/run_request.h"
#include "fabro/config/engine/settings.h"
#include "fabro/model/command_policy.h"

namespace fabro::faber {

struct RunSetup {
  RunArguments arguments;
  model::CommandPolicy policy;
  std::vector<config::engine::Finding> warnings;  // Of the configuration.
  Logger log;                                     // Silent unless the configuration names a file.
};

Result<RunSetup> ReadRunSetup(const Invocation& invocation);

}  // namespace fabro::faber
