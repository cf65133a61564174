// From layers to Settings: who wins, field by field (run.md 2.2 of the specification).
#pragma once

#include <vector>

#include "fabro/base/result.h"
#include "fabro/config/layer.h"
#include "fabro/config/settings.h"

namespace fabro::config {

// `layers` in any order; of two of one kind the later wins. Scalars and lists: the highest layer
// that sets them. Inputs: the highest file's table as a whole, then -I by key. Labels and env:
// merged by key. A goal and a goal file replace each other. Error: bad_settings (a slug that is
// none).
Result<Settings> Resolve(std::vector<Layer> layers);

}  // namespace fabro::config
