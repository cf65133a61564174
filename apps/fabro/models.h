// Which model a session of this program talks to: from settings, flags and keys to an opened model.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "fabro/agent/stage/agents.h"
#include "fabro/base/result.h"
#include "fabro/config/dotenv.h"
#include "fabro/config/settings.h"
#include "fabro/model/json.h"

namespace fabro::cli {

struct ModelSetup {
  std::string model;     // Of a stage that names none; empty: the provider's default.
  std::string provider;  // Empty: the model's, else the first with a key.
  std::vector<std::string> fallbacks;
  std::map<std::string, std::vector<std::string>> fallbacks_of_model;
  std::string script;  // Of the scripted provider: a path.
  std::map<std::string, config::LlmProvider> providers;
};

// From RunSpec::settings (spec_settings.h), so that a resume opens what the run began with. Paths
// start in `directory`. FABRO_SCRIPT of the environment wins over the settings' file.
ModelSetup SetupOf(const model::Json& settings, const std::string& directory);

// The opener may be called from several threads. Keys stay in it; none reaches a sandbox.
agent::ModelOpener MakeOpener(ModelSetup setup, config::Credentials credentials);

// What agents of a run may do, the models and the servers that they have, of the same settings.
// Errors: reference_missing.
fabro::Result<agent::AgentsConfig> AgentsConfigOf(const model::Json& settings, ModelSetup setup,
                                                  const config::Credentials& credentials);

}  // namespace fabro::cli
