// Every text of a value through a function that takes out what must not leave.
#pragma once

#include <functional>
#include <string>

#include "fabro/model/json.h"

namespace fabro::agent {

// Member names stay as they are.
model::Json Redacted(const model::Json& value,
                     const std::function<std::string(std::string)>& redact);

}  // namespace fabro::agent
