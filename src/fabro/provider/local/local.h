// The provider `local`: commands and files of this machine, in the user's own directory. No
// isolation at all; what it adds is a clean environment, time limits that hold for everything a
// command started, and the way back from a crash. Spec: sandboxes, sections 3, 4 and 8.1.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/provider/local/env_filter.h"
#include "fabro/provider/provider.h"

namespace fabro::provider {

struct LocalConfig {
  std::string working_directory;           // Absolute; made when missing.
  std::map<std::string, std::string> env;  // Of the environment; on top of the filtered host's.
  EnvFilter filter;
  std::string run_id;  // Begins the mark of commands without an exec_id.
  // What the commands inherit, filtered; `OwnEnvironment()` outside tests.
  std::vector<std::string> host_environment;
};

// "NAME=value" of this process.
std::vector<std::string> OwnEnvironment();

// Initialize makes this process a subreaper (prctl(2)): orphans of its commands fall to it.
std::unique_ptr<Sandbox> MakeLocalSandbox(LocalConfig config);

// The janitor: kills what a run's commands left behind, found by their FABRO_EXEC; how many.
Result<std::size_t> KillLeftovers(const std::string& run_id);

}  // namespace fabro::provider
