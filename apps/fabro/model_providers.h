// Providers of models as settings, credentials and the vault set them up.
#pragma once

#include <map>
#include <string>

#include "fabro/agent/llm/providers.h"
#include "fabro/base/result.h"
#include "fabro/config/dotenv.h"
#include "fabro/config/settings.h"

namespace fabro::cli {

// $HOME, or empty.
std::string HomeDir();

// Keys: the environment and .env files, then the vault, under the variable's name.
llm::KeyLookup KeysOf(const config::Credentials& credentials);

// What the llm room is set up with: headers are filled in, keys are looked up when they are asked
// for. `client` and `http` are left to the caller.
Result<llm::ProviderSetup> ProvidersOf(const std::map<std::string, config::LlmProvider>& providers,
                                       const config::Credentials& credentials);

}  // namespace fabro::cli
