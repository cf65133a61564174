// Rules about the graph as a whole: one start, one exit, ways between them.
#include <array>
#include <string>
#include <vector>

#include "fabro/workflow/validate/rules.h"

namespace fabro::workflow {
namespace {

constexpr std::array<std::string_view, 2> kRetryKeys{"retry_target", "fallback_retry_target"};

std::vector<std::size_t> NodesOf(const Graph& graph, NodeKind kind) {
  std::vector<std::size_t> nodes;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (graph.nodes[i].kind == kind) nodes.push_back(i);
  }
  return nodes;
}

void CheckSingle(const Lint& lint, const std::vector<std::size_t>& nodes, std::string_view rule,
                 std::string_view what, std::string_view example) {
  if (nodes.empty()) {
    lint.Report(Severity::kError, rule, lint.graph.at,
                "the graph has no " + std::string(what) + " node", "add: " + std::string(example));
    return;
  }
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    const Node& node = lint.graph.nodes[nodes[i]];
    lint.Report(Severity::kError, rule, node, nullptr,
                "'" + node.id + "' is a second " + std::string(what) + " node beside '" +
                    lint.graph.nodes[nodes[0]].id + "'",
                "a graph has exactly one");
  }
}

// Everything that can be got to from `starts`; retry targets count as edges.
std::vector<bool> Reach(const Lint& lint, const std::vector<std::size_t>& starts) {
  std::vector<bool> reached(lint.graph.nodes.size(), false);
  std::vector<std::size_t> open;
  const auto visit = [&](std::size_t node) {
    if (node == GraphIndex::kNone || reached[node]) return;
    reached[node] = true;
    open.push_back(node);
  };
  const auto visit_targets = [&](const Attributes& attributes) {
    for (const std::string_view key : kRetryKeys) {
      if (const Attribute* target = attributes.Find(key)) visit(lint.index.IndexOf(target->text));
    }
  };
  for (const std::size_t start : starts) visit(start);
  visit_targets(lint.graph.attributes);
  while (!open.empty()) {
    const std::size_t node = open.back();
    open.pop_back();
    for (const std::size_t edge : lint.index.Out(node)) visit(lint.index.Target(edge));
    visit_targets(lint.graph.nodes[node].attributes);
  }
  return reached;
}

void CheckReach(const Lint& lint, const std::vector<std::size_t>& starts,
                const std::vector<std::size_t>& exits) {
  if (starts.empty()) return;
  const std::vector<bool> reached = Reach(lint, starts);
  for (const std::size_t exit : exits) {
    if (reached[exit]) continue;
    lint.Report(Severity::kWarning, "exit_reachable", lint.graph.nodes[exit], nullptr,
                "no way leads from the start to the exit");
  }
  for (std::size_t i = 0; i < reached.size(); ++i) {
    const Node& node = lint.graph.nodes[i];
    if (reached[i] || node.kind == NodeKind::kExit) continue;
    lint.Report(Severity::kError, "reachability", node, nullptr,
                "node '" + node.id + "' cannot be reached from the start",
                "add an edge to it, or remove it");
  }
}

}  // namespace

void CheckShape(const Lint& lint) {
  const auto starts = NodesOf(lint.graph, NodeKind::kStart);
  const auto exits = NodesOf(lint.graph, NodeKind::kExit);
  CheckSingle(lint, starts, "start_node", "start", "start [shape=Mdiamond]");
  CheckSingle(lint, exits, "terminal_node", "exit", "exit [shape=Msquare]");
  for (const std::size_t start : starts) {
    for (const std::size_t edge : lint.index.In(start)) {
      lint.Report(Severity::kError, "start_no_incoming", lint.graph.edges[edge], nullptr,
                  "an edge leads into the start node '" + lint.graph.nodes[start].id + "'",
                  "begin the loop at the node behind it");
    }
  }
  for (const std::size_t exit : exits) {
    for (const std::size_t edge : lint.index.Out(exit)) {
      lint.Report(Severity::kError, "exit_no_outgoing", lint.graph.edges[edge], nullptr,
                  "an edge leads out of the exit node '" + lint.graph.nodes[exit].id + "'");
    }
  }
  CheckReach(lint, starts, exits);
}

}  // namespace fabro::workflow
