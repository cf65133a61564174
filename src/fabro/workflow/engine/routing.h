// Where a run goes after a stage: pure functions of the graph and of what the stage left behind
// (workflow language, sections 9.3 to 9.6 and 12).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/workflow/engine/outcome.h"
#include "fabro/workflow/graph/graph.h"

namespace fabro::workflow {

struct RoutingInput {
  StageStatus status = StageStatus::kSucceeded;  // For a conditional node: of the stage before it.
  std::string preferred_label{};
  std::vector<std::string> suggested_next_ids{};
  // Does the condition of this edge hold? Asked only for edges that have one.
  std::function<bool(std::size_t edge)> holds{};
  std::uint64_t draw = 0;  // For selection=random: RandomDraw().
};

struct EdgeChoice {
  std::size_t edge = 0;  // Index in graph.edges.
  std::string_view
      reason;  // "condition", "preferred_label", "suggested_next", "unconditional", "random".
};

// None: no edge matches.
std::optional<EdgeChoice> SelectEdge(const GraphIndex& index, std::size_t node,
                                     const RoutingInput& input);

// The same number for the same stage of the same run, so that a repeated selection is the same.
std::uint64_t RandomDraw(std::string_view run_id, std::string_view node, std::uint64_t visit);

// The key of an option by its accelerator ("[K] text", "K) text", "K - text"), else its first
// character, as written; empty for an empty text (section 5A).
std::string AcceleratorKey(std::string_view label);

// Lower case, trimmed, without an accelerator ("[Y] ", "Y) ", "Y - ").
std::string NormalizedLabel(std::string_view label);

// The first retry target of the node, then of the graph, that exists and is no exit; none: null.
const Node* RetryTarget(const GraphIndex& index, const Node& node);

}  // namespace fabro::workflow
