// A graph as DOT for Graphviz: for drawing, not for reading back. Every id and text is quoted and
// escaped, and only attributes that Graphviz cannot misread are written.
#pragma once

#include <string>

#include "fabro/workflow/graph/graph.h"

namespace fabro::workflow {

// Labels, the shapes of section 3, rankdir; an edge without label shows its condition. Long texts
// are cut. Subgraphs are not drawn: parsing flattened them.
std::string ToDot(const Graph& graph);

}  // namespace fabro::workflow
