// Where parallel branches meet (workflow language, 9A): pure functions of the graph.
#pragma once

#include <string>
#include <string_view>

#include "fabro/workflow/graph/graph.h"

namespace fabro::workflow {

// The nearest fan-in that all branches of the parallel node reach, else the nearest node that they
// all reach; empty: there is none. Nearest: smallest maximum distance, then smallest id.
std::string JoinOf(const GraphIndex& index, std::string_view parallel);

// Whether `node` can be reached from a branch's first node without passing its join.
bool IsInBranch(const GraphIndex& index, std::string_view first, std::string_view join,
                std::string_view node);

}  // namespace fabro::workflow
