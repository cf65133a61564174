// Sub-workflows of a graph, by the id of their `house` node, as deep as they go. Plain values; the
// validator fills them, the engine walks them.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "fabro/workflow/graph/graph.h"

namespace fabro::workflow {

struct ChildWorkflow;
using ChildWorkflows = std::map<std::string, std::shared_ptr<const ChildWorkflow>>;

struct ChildWorkflow {
  Graph graph;
  ChildWorkflows children;
};

}  // namespace fabro::workflow
