#include "fabro/workflow/graph/graph.h"

#include <algorithm>
#include <array>
#include <utility>

namespace fabro::workflow {
namespace {

struct KindRow {
  NodeKind kind;
  std::string_view name;
  std::string_view shape;  // Empty: by `type` only.
  std::string_view alias;
  std::string_view second_alias;
};

// The table of section 3.
constexpr std::array<KindRow, 12> kKinds{{
    {NodeKind::kStart, "start", "Mdiamond", {}, {}},
    {NodeKind::kExit, "exit", "Msquare", {}, {}},
    {NodeKind::kAgent, "agent", "box", "codergen", "agent_loop"},
    {NodeKind::kPrompt, "prompt", "tab", "one_shot", {}},
    {NodeKind::kCommand, "command", "parallelogram", "tool", "script"},
    {NodeKind::kHuman, "human", "hexagon", "wait.human", {}},
    {NodeKind::kConditional, "conditional", "diamond", {}, {}},
    {NodeKind::kParallel, "parallel", "component", {}, {}},
    {NodeKind::kFanIn, "parallel.fan_in", "tripleoctagon", {}, {}},
    {NodeKind::kWait, "wait", "insulator", "wait.timer", {}},
    {NodeKind::kManagerLoop, "stack.manager_loop", "house", {}, {}},
    {NodeKind::kPullRequest, "pull_request", {}, {}, {}},
}};

bool IsEnd(std::string_view id) {
  if (id.size() != 3) return false;
  return (id[0] | 0x20) == 'e' && (id[1] | 0x20) == 'n' && (id[2] | 0x20) == 'd';
}

template <typename Items>
auto FindKey(Items& items, std::string_view key) {
  const auto it = std::find_if(items.begin(), items.end(),
                               [key](const Attribute& item) { return item.key == key; });
  return it == items.end() ? nullptr : &*it;
}

}  // namespace

const Attribute* Attributes::Find(std::string_view key) const { return FindKey(items, key); }

Attribute* Attributes::Find(std::string_view key) { return FindKey(items, key); }

std::string_view Attributes::Text(std::string_view key, std::string_view otherwise) const {
  const Attribute* found = Find(key);
  return found == nullptr ? otherwise : std::string_view(found->text);
}

void Attributes::Set(Attribute attribute) {
  if (Attribute* found = Find(attribute.key)) {
    *found = std::move(attribute);
  } else {
    items.push_back(std::move(attribute));
  }
}

std::string_view KindName(NodeKind kind) {
  for (const KindRow& row : kKinds) {
    if (row.kind == kind) return row.name;
  }
  return "unknown";
}

std::string_view ShapeOfKind(NodeKind kind) {
  for (const KindRow& row : kKinds) {
    if (row.kind == kind) return row.shape;
  }
  return {};
}

std::optional<NodeKind> KindOfType(std::string_view type) {
  if (type.empty()) return std::nullopt;
  for (const KindRow& row : kKinds) {
    if (row.name == type || row.alias == type || row.second_alias == type) return row.kind;
  }
  return std::nullopt;
}

std::optional<NodeKind> KindOfShape(std::string_view shape) {
  if (shape.empty()) return std::nullopt;
  for (const KindRow& row : kKinds) {
    if (row.shape == shape) return row.kind;
  }
  return std::nullopt;
}

NodeKind ResolveKind(const Node& node) {
  const Attribute* type = node.attributes.Find("type");
  const Attribute* shape = node.attributes.Find("shape");
  if (type != nullptr) {
    if (const auto kind = KindOfType(type->text)) return *kind;
  }
  if (shape != nullptr) return KindOfShape(shape->text).value_or(NodeKind::kAgent);
  if (type != nullptr) return NodeKind::kAgent;
  if (node.id == "start" || node.id == "Start") return NodeKind::kStart;
  if (node.id == "exit" || node.id == "Exit" || IsEnd(node.id)) return NodeKind::kExit;
  return NodeKind::kAgent;
}

GraphIndex::GraphIndex(const Graph& graph)
    : graph_(graph), out_(graph.nodes.size()), in_(graph.nodes.size()) {
  by_id_.reserve(graph.nodes.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) by_id_.emplace(graph.nodes[i].id, i);
  targets_.reserve(graph.edges.size());
  sources_.reserve(graph.edges.size());
  for (std::size_t i = 0; i < graph.edges.size(); ++i) {
    const std::size_t from = IndexOf(graph.edges[i].from);
    const std::size_t to = IndexOf(graph.edges[i].to);
    sources_.push_back(from);
    targets_.push_back(to);
    if (from == kNone || to == kNone) continue;
    out_[from].push_back(i);
    in_[to].push_back(i);
  }
}

std::size_t GraphIndex::IndexOf(std::string_view id) const {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? kNone : it->second;
}

const Node* GraphIndex::Find(std::string_view id) const {
  const std::size_t at = IndexOf(id);
  return at == kNone ? nullptr : &graph_.nodes[at];
}

}  // namespace fabro::workflow
