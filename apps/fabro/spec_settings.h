// Settings on their way into a run: as JSON of its bundle, and filled in where they are used.
#pragma once

#include "fabro/config/dotenv.h"
#include "fabro/config/interpolate.h"
#include "fabro/config/settings.h"
#include "fabro/model/json.h"

namespace fabro::cli {

// RunSpec::settings: author, globs, model, budget, agent, providers of models, execution. Texts
// with references are as they were written. Members that are unset are absent.
model::Json SettingsJson(const config::Settings& settings);

// {{ env.X }} from the credentials, {{ secrets.X }} from the vault. Keeps a copy of `credentials`.
config::Lookup ReferencesIn(const config::Credentials& credentials);

}  // namespace fabro::cli
