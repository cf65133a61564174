// A workflow graph as written: plain values, in file order, with the place of every part.
//
// The parser (parser.h) makes one; the validator judges it; the engine walks it. Nothing here
// interprets an attribute: literals keep their text and type, readers coerce (attributes.h).
// Words and rules: the workflow language, sections 2 and 3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace fabro::workflow {

// Place in the workflow file, both 1-based; columns count bytes. {0, 0}: not from a file.
struct Position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;

  friend auto operator<=>(const Position&, const Position&) = default;
};

// How a literal was written. What it means is the reader's choice.
enum class ValueType { kString, kInteger, kFloat, kBoolean, kDuration, kBareword };

struct Attribute {
  std::string key;   // "label", "human.default_choice".
  std::string text;  // Strings without quotes and escapes; everything else as written.
  ValueType type = ValueType::kString;
  Position at;  // Of the value.

  friend bool operator==(const Attribute&, const Attribute&) = default;
};

// A small ordered map: keys are unique, in the order of their first appearance.
struct Attributes {
  std::vector<Attribute> items;

  // Null when absent. Valid until `items` changes.
  const Attribute* Find(std::string_view key) const;
  Attribute* Find(std::string_view key);
  bool Has(std::string_view key) const { return Find(key) != nullptr; }
  // The text as written, whatever the type; `otherwise` when absent.
  std::string_view Text(std::string_view key, std::string_view otherwise = {}) const;
  // Adds, or overwrites in place.
  void Set(Attribute attribute);

  friend bool operator==(const Attributes&, const Attributes&) = default;
};

enum class NodeKind {
  kStart,
  kExit,
  kAgent,
  kPrompt,
  kCommand,
  kHuman,
  kConditional,
  kParallel,
  kFanIn,
  kWait,
  kManagerLoop,
  kPullRequest,
};

// The handler's name: "start", "command", "parallel.fan_in", "stack.manager_loop".
std::string_view KindName(NodeKind kind);
// The shape that stands for the kind; empty: there is none.
std::string_view ShapeOfKind(NodeKind kind);
// The kind behind a `type` (names and aliases of section 3), or behind a `shape`; empty: unknown.
std::optional<NodeKind> KindOfType(std::string_view type);
std::optional<NodeKind> KindOfShape(std::string_view shape);

struct Node {
  std::string id;
  NodeKind kind = NodeKind::kAgent;  // By ResolveKind.
  Attributes attributes;             // Defaults of the scope are already merged in.
  std::vector<std::string> classes;  // `class`, then those of labelled subgraphs; no duplicates.
  std::string subgraph_class;        // Of the innermost labelled subgraph, or empty.
  Position at;                       // Of its declaration, or of the edge that first named it.
  bool implicit = false;             // Only ever named by edges.

  // `label`, or the id.
  std::string_view Label() const { return attributes.Text("label", id); }

  friend bool operator==(const Node&, const Node&) = default;
};

struct Edge {
  std::string from;
  std::string to;
  Attributes attributes;
  Position at;  // Of the target's name in the file.

  friend bool operator==(const Edge&, const Edge&) = default;
};

struct Graph {
  std::string name;
  Attributes attributes;
  std::vector<Node> nodes;  // In order of first mention.
  std::vector<Edge> edges;  // In file order; parallel edges and self edges are legal.
  Position at;              // Of the name.

  friend bool operator==(const Graph&, const Graph&) = default;
};

// The kind of a node from id, `type` and `shape` (section 3): a known type wins, then the shape;
// without either, ids like "start" and "end" are start and exit, and everything else is an agent.
NodeKind ResolveKind(const Node& node);

// Who is whose neighbour, for a graph that stays unchanged and outlives this. Edges whose ends do
// not exist are left out of the neighbour lists.
class GraphIndex {
 public:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  explicit GraphIndex(const Graph& graph);

  const Graph& graph() const { return graph_; }
  // Index in graph.nodes, or kNone.
  std::size_t IndexOf(std::string_view id) const;
  // The node, or null.
  const Node* Find(std::string_view id) const;
  // Indices in graph.edges, in file order, of the edges that leave or enter node number `node`.
  std::span<const std::size_t> Out(std::size_t node) const { return out_[node]; }
  std::span<const std::size_t> In(std::size_t node) const { return in_[node]; }
  // Index of the edge's target or source in graph.nodes, or kNone.
  std::size_t Target(std::size_t edge) const { return targets_[edge]; }
  std::size_t Source(std::size_t edge) const { return sources_[edge]; }

 private:
  const Graph& graph_;
  std::unordered_map<std::string_view, std::size_t> by_id_;
  std::vector<std::vector<std::size_t>> out_;
  std::vector<std::vector<std::size_t>> in_;
  std::vector<std::size_t> targets_;
  std::vector<std::size_t> sources_;
};

}  // namespace fabro::workflow
