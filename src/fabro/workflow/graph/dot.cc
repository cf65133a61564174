#include "fabro/workflow/graph/dot.h"

#include <array>

namespace fabro::workflow {
namespace {

constexpr std::size_t kMaxLabel = 160;  // Bytes; nobody reads more in a drawing.

// Cuts between characters, not inside one.
std::string_view Cut(std::string_view text) {
  if (text.size() <= kMaxLabel) return text;
  std::size_t end = kMaxLabel;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end);
}

// Graphviz reads \N, \l and &amp; in quoted labels: its manual, "escString" and "Character
// encodings".
std::string Quote(std::string_view text) {
  const std::string_view shown = Cut(text);
  std::string quoted = "\"";
  for (const char c : shown) {
    switch (c) {
      case '"':
        quoted += "\\\"";
        break;
      case '\\':
        quoted += "\\\\";
        break;
      case '\n':
        quoted += "\\n";
        break;
      case '&':
        quoted += "&amp;";
        break;
      default:
        quoted += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c;
    }
  }
  if (shown.size() < text.size()) quoted += "…";
  return quoted + "\"";
}

std::string_view RankDir(const Graph& graph) {
  constexpr std::array<std::string_view, 4> kKnown{"LR", "TB", "BT", "RL"};
  const std::string_view wanted = graph.attributes.Text("rankdir");
  for (const std::string_view known : kKnown) {
    if (known == wanted) return known;
  }
  return "TB";
}

// The shape shows what the node does, also when `type` decided it.
std::string_view Shape(const Node& node) {
  const std::string_view shape = ShapeOfKind(node.kind);
  return shape.empty() ? "note" : shape;
}

}  // namespace

std::string ToDot(const Graph& graph) {
  std::string dot = "digraph " + Quote(graph.name) + " {\n  rankdir=" + std::string(RankDir(graph));
  const std::string_view title = graph.attributes.Text("label");
  if (!title.empty()) dot += "\n  label=" + Quote(title) + "\n  labelloc=t";
  dot += "\n";
  for (const Node& node : graph.nodes) {
    dot += "  \"" + node.id + "\" [label=" + Quote(node.Label()) +
           ", shape=" + std::string(Shape(node)) + "]\n";
  }
  for (const Edge& edge : graph.edges) {
    dot += "  \"" + edge.from + "\" -> \"" + edge.to + "\"";
    const std::string_view label = edge.attributes.Text("label");
    const std::string_view shown = label.empty() ? edge.attributes.Text("condition") : label;
    if (!shown.empty()) dot += " [label=" + Quote(shown) + "]";
    dot += "\n";
  }
  return dot + "}\n";
}

}  // namespace fabro::workflow
