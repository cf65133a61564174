#include "fabro/workflow/validate/validate.h"

#include <utility>

#include "fabro/workflow/graph/attributes.h"
#include "fabro/workflow/validate/rules.h"

namespace fabro::workflow {

const std::vector<NodeKind>& BuiltKinds() {
  static const std::vector<NodeKind> kinds{
      NodeKind::kStart,    NodeKind::kExit,  NodeKind::kCommand,    NodeKind::kConditional,
      NodeKind::kHuman,    NodeKind::kWait,  NodeKind::kAgent,      NodeKind::kPrompt,
      NodeKind::kParallel, NodeKind::kFanIn, NodeKind::kManagerLoop};
  return kinds;
}

void Lint::Report(Severity severity, std::string_view rule, Position at, std::string message,
                  std::string hint) const {
  found.push_back({std::string(rule), severity, std::move(message), std::move(hint), at, {}, {}});
}

void Lint::Report(Severity severity, std::string_view rule, const Node& node,
                  const Attribute* attribute, std::string message, std::string hint) const {
  const Position at = attribute == nullptr || attribute->at.line == 0 ? node.at : attribute->at;
  found.push_back(
      {std::string(rule), severity, std::move(message), std::move(hint), at, node.id, {}});
}

void Lint::Report(Severity severity, std::string_view rule, const Edge& edge,
                  const Attribute* attribute, std::string message, std::string hint) const {
  const Position at = attribute == nullptr || attribute->at.line == 0 ? edge.at : attribute->at;
  found.push_back({std::string(rule),
                   severity,
                   std::move(message),
                   std::move(hint),
                   at,
                   {},
                   {edge.from, edge.to}});
}

bool IsConditional(const Edge& edge) {
  return edge.attributes.Text("condition").find_first_not_of(" \t\r\n") != std::string_view::npos;
}

bool IsSet(const Attributes& attributes, std::string_view key) {
  const auto value = GetBool(attributes, key);
  return value.ok() && value->value_or(false);
}

std::vector<Diagnostic> Validate(const Graph& graph, const ValidateOptions& options) {
  std::vector<Diagnostic> found;
  const GraphIndex index(graph);
  const Lint lint{graph, index, options, found};
  CheckShape(lint);
  CheckGraphAttributes(lint);
  CheckStylesheet(lint);
  for (std::size_t node = 0; node < graph.nodes.size(); ++node) {
    CheckNode(lint, node);
    CheckKind(lint, node);
  }
  for (std::size_t edge = 0; edge < graph.edges.size(); ++edge) CheckEdge(lint, edge);
  SortDiagnostics(found);
  return found;
}

}  // namespace fabro::workflow
