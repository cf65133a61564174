// Which model a session of this program talks to: from settings, flags and keys to an opened model.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fabro/agent/stage/agents.h"
#include "fabro/base/result.h"
#include "fabro/config/dotenv.h"
#include "fabro/config/settings.h"
#include "fabro/model/json.h"

namespace fabro::cli {

// What a run keeps of it in its bundle; a resume opens the same models. No key is in it.
struct ModelSetup {
  std::string model;     // Of a stage that names none; empty: the provider's default.
  std::string provider;  // Empty: the first with a key.
  std::vector<std::string> fallbacks;
  std::string reasoning_effort;
  std::string speed;
  std::string script;  // Of the scripted provider: an absolute path; FABRO_SCRIPT wins.
  std::map<std::string, config::LlmProvider> providers;
};

// Settings with what the command line said; `directory` is where relative paths start.
ModelSetup SetupOf(const config::Settings& settings, const std::string& directory);
model::Json ToJson(const ModelSetup& setup);
ModelSetup SetupFromJson(const model::Json& json);

// `credentials` is copied. The opener may be called from several threads.
agent::ModelOpener MakeOpener(ModelSetup setup, config::Credentials credentials);

}  // namespace fabro::cli
