#include "apps/faber/run_setup.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "apps/faber/command_policy.h"
#include "apps/faber/settings_request.h"

namespace fabro::faber {
namespace {

Result<Caller> ThisCaller() {
  Caller caller;
  std::error_code error;
  caller.cwd = std::filesystem::current_path(error).string();
  if (error) return SysFailureOf(error.value(), "getcwd");
  caller.tty =
      ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1;
  const char* term = std::getenv("TERM");
  caller.term = term == nullptr ? "" : term;
  return caller;
}

}  // namespace

Result<RunSetup> ReadRunSetup(const Invocation& invocation) {
  const Caller caller = TRY(ThisCaller());
  RunSetup setup;
  model::RunRequest base = DefaultRequest();
  const config::engine::Inputs inputs = TRY(ReadInputs(invocation, OwnEnvironment()));
  // Most commands are configured by nothing but their options, and each is a new process.
  if (inputs.file_text || !inputs.environment.empty() || !inputs.sets.empty()) {
    config::engine::Loaded loaded = config::engine::Load(inputs);
    TRY(config::engine::Usable(loaded.findings));
    TRY(ApplySettings(loaded.settings, base, caller));
    setup.policy = PolicyOf(loaded.settings);
    setup.warnings = std::move(loaded.findings);
    setup.log = TRY(OpenLog(LogSettingsOf(loaded.settings), inputs.environment));
    LogConfig(setup.log, loaded.settings);
  }
  setup.arguments = TRY(ReadRunArguments(invocation, std::move(base), caller));
  HideSecrets(setup.log, setup.arguments.request.exec.env);
  setup.policy = TRY(ReadCommandPolicy(invocation, std::move(setup.policy)));
  return setup;
}

}  // namespace fabro::faber
