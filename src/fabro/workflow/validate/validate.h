// The rules that a graph has to keep before it runs (the workflow language, section 5).
#pragma once

#include <vector>

#include "fabro/workflow/graph/graph.h"
#include "fabro/workflow/validate/diagnostic.h"

namespace fabro::workflow {

// Every kind that this version can run. Others are known and refused by name.
const std::vector<NodeKind>& BuiltKinds();

struct ValidateOptions {
  std::vector<NodeKind> built_kinds = BuiltKinds();
};

// All findings, sorted. Pure: files that attributes name are PrepareGraph's (prepare.h). Linear in
// nodes and edges.
std::vector<Diagnostic> Validate(const Graph& graph, const ValidateOptions& options = {});

}  // namespace fabro::workflow
