// The rules by subject. Used by validate.cc alone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fabro/workflow/condition/condition.h"
#include "fabro/workflow/graph/graph.h"
#include "fabro/workflow/validate/diagnostic.h"
#include "fabro/workflow/validate/validate.h"

namespace fabro::workflow {

// A graph under inspection, and what was found.
struct Lint {
  const Graph& graph;
  const GraphIndex& index;
  const ValidateOptions& options;
  std::vector<Diagnostic>& found;

  void Report(Severity severity, std::string_view rule, Position at, std::string message,
              std::string hint = {}) const;
  // About a node; the place is that of `attribute` when there is one.
  void Report(Severity severity, std::string_view rule, const Node& node,
              const Attribute* attribute, std::string message, std::string hint = {}) const;
  void Report(Severity severity, std::string_view rule, const Edge& edge,
              const Attribute* attribute, std::string message, std::string hint = {}) const;
};

void CheckShape(const Lint& lint);  // Start, exit, reachability, ends of edges.
void CheckGraphAttributes(const Lint& lint);
void CheckNode(const Lint& lint, std::size_t node);
void CheckKind(const Lint& lint, std::size_t node);  // What only nodes of one kind need.
void CheckEdge(const Lint& lint, std::size_t edge);
void CheckStylesheet(const Lint& lint);

// Whether the edge has a condition that is more than blanks.
bool IsConditional(const Edge& edge);
// A boolean attribute that is there, readable and true.
bool IsSet(const Attributes& attributes, std::string_view key);

}  // namespace fabro::workflow
