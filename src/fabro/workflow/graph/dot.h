// A graph as DOT for Graphviz: for drawing, not for reading back. Every id and text is quoted and
// escaped, and only attributes that Graphviz cannot misread are written.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "fabro/workflow/graph/graph.h"

namespace fabro::workflow {

// Labels, the shapes of section 3, rankdir; an edge without label shows its condition. Long texts
// are cut. Subgraphs are not drawn: parsing flattened them.
std::string ToDot(const Graph& graph);

// How far a run came, to draw it: what was executed is solid and coloured by its status, with its
// visits; what was not is grey. Edges that were taken are bold, with how often.
struct DotStates {
  std::map<std::string, std::string, std::less<>> status;              // Of a node: "succeeded", …
  std::map<std::string, std::uint64_t, std::less<>> visits;            // Of a node.
  std::map<std::string, std::string, std::less<>> note;                // Below its label: "1.2s".
  std::map<std::pair<std::string, std::string>, std::uint64_t> taken;  // From, to.
};
std::string ToDot(const Graph& graph, const DotStates& states);

}  // namespace fabro::workflow
