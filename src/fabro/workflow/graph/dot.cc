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

// Attributes of Graphviz for a status; colours that stay apart in grey and for most eyes.
std::string_view Look(std::string_view status) {
  if (status == "succeeded") return "style=filled, fillcolor=\"#dafbe1\", color=\"#1a7f37\"";
  if (status == "failed")
    return "style=filled, fillcolor=\"#ffebe9\", color=\"#cf222e\", penwidth=2";
  if (status == "running" || status == "retrying") {
    return "style=filled, fillcolor=\"#ddf4ff\", color=\"#0969da\", penwidth=2";
  }
  if (status.empty()) return "style=dashed, color=\"#8c959f\", fontcolor=\"#57606a\"";
  return "style=filled, fillcolor=\"#fff8c5\", color=\"#9a6700\"";
}

// What a status looks like without colours.
std::string_view Mark(std::string_view status) {
  if (status == "succeeded") return "✓ ";
  if (status == "failed") return "✗ ";
  if (status == "running" || status == "retrying") return "● ";
  return status.empty() ? "" : "◐ ";
}

template <typename Map>
typename Map::mapped_type At(const Map& map, std::string_view key) {
  const auto found = map.find(key);
  return found == map.end() ? typename Map::mapped_type() : found->second;
}

std::string NodeLine(const Node& node, const DotStates* states) {
  std::string label(node.Label());
  std::string look;
  if (states != nullptr) {
    const std::string status = At(states->status, node.id);
    const std::uint64_t visits = At(states->visits, node.id);
    label = std::string(Mark(status)) + label;
    if (visits > 1) label += " ×" + std::to_string(visits);
    const std::string note = At(states->note, node.id);
    if (!note.empty()) label += "\n" + note;
    look = ", " + std::string(Look(status));
  }
  return "  \"" + node.id + "\" [label=" + Quote(label) + ", shape=" + std::string(Shape(node)) +
         look + "]\n";
}

std::string EdgeLine(const Edge& edge, const DotStates* states) {
  const std::string_view label = edge.attributes.Text("label");
  std::string shown(label.empty() ? edge.attributes.Text("condition") : label);
  std::string look;
  if (states != nullptr) {
    const auto taken = states->taken.find({edge.from, edge.to});
    const std::uint64_t times = taken == states->taken.end() ? 0 : taken->second;
    look = times > 0 ? ", penwidth=2.5, color=\"#1a7f37\"" : ", style=dashed, color=\"#8c959f\"";
    if (times > 1) shown += (shown.empty() ? "×" : " ×") + std::to_string(times);
  }
  std::string line = "  \"" + edge.from + "\" -> \"" + edge.to + "\"";
  if (!shown.empty() || !look.empty()) line += " [label=" + Quote(shown) + look + "]";
  return line + "\n";
}

std::string Draw(const Graph& graph, const DotStates* states) {
  std::string dot = "digraph " + Quote(graph.name) + " {\n  rankdir=" + std::string(RankDir(graph));
  const std::string_view title = graph.attributes.Text("label");
  if (!title.empty()) dot += "\n  label=" + Quote(title) + "\n  labelloc=t";
  dot += "\n";
  for (const Node& node : graph.nodes) dot += NodeLine(node, states);
  for (const Edge& edge : graph.edges) dot += EdgeLine(edge, states);
  return dot + "}\n";
}

}  // namespace

std::string ToDot(const Graph& graph) { return Draw(graph, nullptr); }

std::string ToDot(const Graph& graph, const DotStates& states) { return Draw(graph, &states); }

}  // namespace fabro::workflow
