// A YAML node as the value of a key: type, unit, range.
#pragma once

#include <string>

#include "fabro/config/engine/keys.h"
#include "fabro/config/engine/yaml.h"
#include "fabro/model/json.h"

namespace fabro::config::engine {

// Errors have no place in them; the caller knows it. kInvalidArgument, "config_invalid".
Result<model::Json> ReadValue(const KeyInfo& key, const YamlNode& node);

// A value as it would be written in a file, on one line; secrets as ***.
std::string WriteValue(const KeyInfo& key, const model::Json& value);

}  // namespace fabro::config::engine
