// Where git runs on a workspace: on this machine only when the workspace is the user's own
// directory (`local`), else inside the sandbox, because its configuration, attributes, hooks and
// objects are the guest's (sandboxes, section 8.4).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/git/git.h"
#include "fabro/provider/provider.h"

namespace fabro::provider {

class GitRunner {
 public:
  virtual ~GitRunner() = default;
  // With git::SafeSettings and `env`; a non-zero exit is no Error.
  virtual Result<git::Output> Run(const std::vector<std::string>& args,
                                  const std::map<std::string, std::string>& env) = 0;
  virtual Status MakeDirectory(const std::string& path) = 0;
};

std::unique_ptr<GitRunner> GitOnHost(std::string directory);
// `sandbox` outlives it. Runs in the sandbox's working directory.
std::unique_ptr<GitRunner> GitInSandbox(Sandbox& sandbox);

}  // namespace fabro::provider
