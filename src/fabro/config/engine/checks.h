// What only shows when several keys are seen together, and what this build cannot do yet.
// Rules: isolation engine 1.2, 1.3, 8, 10.
#pragma once

#include <vector>

#include "fabro/config/engine/settings.h"

namespace fabro::config::engine {

std::vector<Finding> CheckSettings(const Settings& settings);

}  // namespace fabro::config::engine
