// The engine's configuration as the values that `faber run` works with.
#pragma once

#include <string>
#include <vector>

#include "apps/faber/cli.h"
#include "apps/faber/run_request.h"
#include "fabro/config/engine/settings.h"
#include "fabro/model/command_policy.h"

namespace fabro::faber {

// Reads --config, --set and --limits-profile of an invocation, and FABER_… of `environment`. Errors
// of the file itself: it is missing, a directory, no regular file, not readable, larger than 1 MiB.
Result<config::engine::Inputs> ReadInputs(const Invocation& invocation,
                                          const std::vector<std::string>& environment);

// A configuration file's text, for `faber validate` too. kNotFound, kPermissionDenied or
// kInvalidArgument with reason "config_unreadable".
Result<std::string> ReadConfigFile(const std::string& path);

// FABER_… variables of this process.
std::vector<std::string> OwnEnvironment();

// Lays every setting over `request`. Relative paths of a file start at its directory, those of the
// environment and the command line at caller.cwd.
Status ApplySettings(const config::engine::Settings& settings, model::RunRequest& request,
                     const Caller& caller);

model::CommandPolicy PolicyOf(const config::engine::Settings& settings);

}  // namespace fabro::faber
