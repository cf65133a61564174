// Runs as drawings.
#pragma once

#include <string>

#include "console.h"
#include "fabro/base/result.h"
#include "fabro/runs/runs.h"

namespace fabro::cli {

// The graph of a run's bundle with the path that it took and the state of each node, as DOT.
// `direction` is "lr", "tb" or empty: as the workflow says.
fabro::Result<std::string> DotOfRun(const runs::RunRef& run, const std::string& direction);

// The drawing beside the run, `graph.svg`: for people, so trouble with it is said and stops
// nothing.
void DrawRun(const runs::RunRef& run, Console& console);

}  // namespace fabro::cli
