// The options of `fabro run`, as `create` and `preflight` have them too.
#pragma once

#include "../options.h"
#include "fabro/config/layer.h"

namespace fabro::cli {

config::Flags FlagsOf(const RunOptions& options);

}  // namespace fabro::cli
