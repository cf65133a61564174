// What `faber run` leaves in the log: that a command was asked for and what became of it, and each
// security event on the way. Never the environment, the input, the output, or more of the command
// than its name and the number of its arguments.
#pragma once

#include <vector>

#include "fabro/base/result.h"
#include "fabro/config/engine/settings.h"
#include "fabro/linux/log.h"
#include "fabro/model/command_policy.h"
#include "fabro/model/outcome.h"
#include "fabro/model/run_request.h"

namespace fabro::faber {

struct LogSettings {
  std::string file;  // Empty: nothing is written.
  Logger::Options options;
};
LogSettings LogSettingsOf(const config::engine::Settings& settings);

// Values of variables whose names say that they are secret (…TOKEN, …SECRET, …PASSWORD, …KEY) are
// masked in whatever is logged.
void HideSecrets(Logger& log, const std::vector<std::string>& environment);
Result<Logger> OpenLog(const LogSettings& settings, const std::vector<std::string>& environment);

// config.change, with every value that is not built in; secrets masked.
void LogConfig(Logger& log, const config::engine::Settings& settings);

// task.attempt, and security.violation for what the command policy reports.
void LogAttempt(Logger& log, const model::RunRequest& request,
                const model::PolicyDecision& decision);

// task.finished, limit.violation, and a security.violation for each call that was refused.
void LogOutcome(Logger& log, const model::RunRequest& request, const model::Outcome& outcome);

// task.finished of a command that never started.
void LogFailure(Logger& log, const model::RunRequest& request, const Error& error);

}  // namespace fabro::faber
