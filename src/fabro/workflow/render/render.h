// Draws a graph with Graphviz. The input is canonical DOT (ToDot of workflow/graph), never a user's
// file as it stands: its dialect is not Graphviz's.
#pragma once

#include <string>
#include <string_view>

#include "fabro/base/result.h"

namespace fabro::workflow {

// An SVG document. Not for several threads at once: Graphviz keeps state of its own.
// Errors: reason drawing_failed, with what Graphviz said.
Result<std::string> RenderSvg(std::string_view dot);

}  // namespace fabro::workflow
