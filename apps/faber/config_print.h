// The configuration for people and programs: `faber config` and `faber validate`.
#pragma once

#include <string>
#include <vector>

#include "fabro/config/engine/settings.h"
#include "fabro/model/json.h"

namespace fabro::faber {

// YAML that can be read again, each value with its source in a comment. Secrets are ***.
std::string SettingsYaml(const config::engine::Settings& settings);

// {"sandbox.fresh": {value, source, where}, …}.
model::Json SettingsJson(const config::engine::Settings& settings);

// One line a finding, with its fix below it.
std::string FindingsText(const std::vector<config::engine::Finding>& findings);
model::Json FindingsJson(const std::vector<config::engine::Finding>& findings);

}  // namespace fabro::faber
