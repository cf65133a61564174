#include "fabro/workflow/graph/builder.h"

#include <algorithm>
#include <utility>

// Passes a refusal on.
#define ACCEPT(...)                                   \
  do {                                                \
    if (auto refusal = (__VA_ARGS__)) return refusal; \
  } while (false)

namespace fabro::workflow {
namespace {

// Section 2.4: "Loop A" names the class "loop-a".
std::string ClassOfLabel(std::string_view label) {
  std::string name;
  for (const char c : label) {
    if (c >= 'A' && c <= 'Z') {
      name += static_cast<char>(c - 'A' + 'a');
    } else if (c == ' ') {
      name += '-';
    } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-') {
      name += c;
    }
  }
  return name;
}

// Commas and white space both separate.
std::vector<std::string> SplitClasses(std::string_view text) {
  constexpr std::string_view kSeparators = ", \t\r\n";
  std::vector<std::string> names;
  std::size_t at = text.find_first_not_of(kSeparators);
  while (at != std::string_view::npos && names.size() <= kMaxClasses) {
    const std::size_t end = std::min(text.find_first_of(kSeparators, at), text.size());
    names.emplace_back(text.substr(at, end - at));
    at = text.find_first_not_of(kSeparators, end);
  }
  return names;
}

SyntaxError TooMany(Position at, std::string_view owner, std::size_t limit, std::string_view what) {
  return {at,
          std::string(owner) + " has more than " + std::to_string(limit) + " " + std::string(what),
          {}};
}

}  // namespace

void GraphBuilder::Begin(const Name& name) {
  graph_.name = name.text;
  graph_.at = name.at;
  scopes_.emplace_back();
}

// Counts what is copied, so that a short file cannot become a huge graph.
GraphBuilder::Refusal GraphBuilder::Charge(std::uint64_t bytes, Position at) {
  expanded_ += bytes;
  if (expanded_ <= kMaxExpandedSize.bytes()) return std::nullopt;
  return SyntaxError{at,
                     "the defaults of this graph, copied to every node and edge, need more than " +
                         ToString(kMaxExpandedSize),
                     {}};
}

GraphBuilder::Refusal GraphBuilder::Charge(const Attributes& copied, Position at) {
  std::uint64_t bytes = 0;
  for (const Attribute& item : copied.items) {
    bytes += sizeof(Attribute) + item.key.size() + item.text.size();
  }
  return Charge(bytes, at);
}

GraphBuilder::Refusal GraphBuilder::OpenScope(Position at) {
  if (scopes_.size() > kMaxSubgraphDepth) {
    return SyntaxError{
        at,
        "subgraphs are nested deeper than " + std::to_string(kMaxSubgraphDepth) + " levels",
        {}};
  }
  ACCEPT(Charge(scope().node_defaults, at));
  ACCEPT(Charge(scope().edge_defaults, at));
  Scope inner;
  inner.node_defaults = scope().node_defaults;
  inner.edge_defaults = scope().edge_defaults;
  scopes_.push_back(std::move(inner));
  return std::nullopt;
}

GraphBuilder::Refusal GraphBuilder::CloseScope(Position at) {
  Scope closed = std::move(scopes_.back());
  scopes_.pop_back();
  if (scopes_.empty()) {
    graph_.attributes = std::move(closed.own);
    return std::nullopt;
  }
  auto& nodes = closed.declared;
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  const std::string name = ClassOfLabel(closed.own.Text("label"));
  if (!name.empty()) {
    ACCEPT(Charge(nodes.size() * (sizeof(std::string) + name.size()), at));
    for (const std::size_t node : nodes) {
      auto& classes = drafts_[node].subgraph_classes;
      classes.push_back(name);
      if (classes.size() > kMaxClasses) {
        return TooMany(at, "node '" + graph_.nodes[node].id + "'", kMaxClasses, "classes");
      }
    }
  }
  auto& outer = scope().declared;
  outer.insert(outer.end(), nodes.begin(), nodes.end());
  return std::nullopt;
}

// The number of the node, which is made with the defaults of this scope when it is new.
GraphBuilder::Refusal GraphBuilder::Touch(const Name& name, std::size_t& node) {
  const auto [it, is_new] = ids_.try_emplace(name.text, graph_.nodes.size());
  node = it->second;
  if (!is_new) return std::nullopt;
  if (graph_.nodes.size() >= kMaxNodes) return TooMany(name.at, "the graph", kMaxNodes, "nodes");
  ACCEPT(Charge(scope().node_defaults, name.at));
  Node made;
  made.id = name.text;
  made.attributes = scope().node_defaults;
  made.at = name.at;
  made.implicit = true;
  graph_.nodes.push_back(std::move(made));
  drafts_.emplace_back();
  scope().declared.push_back(node);
  return std::nullopt;
}

GraphBuilder::Refusal GraphBuilder::Declare(const Name& name, Attributes own) {
  std::size_t index = 0;
  ACCEPT(Touch(name, index));
  Node& node = graph_.nodes[index];
  if (node.implicit) node.at = name.at;
  node.implicit = false;
  scope().declared.push_back(index);
  drafts_[index].own_kind |= own.Has("shape") || own.Has("type");
  if (node.attributes.items.empty()) {
    node.attributes = std::move(own);
  } else {
    for (Attribute& attribute : own.items) node.attributes.Set(std::move(attribute));
  }
  if (node.attributes.items.size() <= kMaxAttributes) return std::nullopt;
  return TooMany(name.at, "node '" + node.id + "'", kMaxAttributes, "attributes");
}

GraphBuilder::Refusal GraphBuilder::Append(const Name& from, const Name& to,
                                           const Attributes& own) {
  if (graph_.edges.size() >= kMaxEdges) return TooMany(to.at, "the graph", kMaxEdges, "edges");
  ACCEPT(Charge(scope().edge_defaults, to.at));
  ACCEPT(Charge(own, to.at));
  Edge edge;
  edge.from = from.text;
  edge.to = to.text;
  edge.attributes.items.reserve(scope().edge_defaults.items.size() + own.items.size());
  edge.attributes = scope().edge_defaults;
  for (const Attribute& attribute : own.items) edge.attributes.Set(attribute);
  edge.at = to.at;
  graph_.edges.push_back(std::move(edge));
  return std::nullopt;
}

GraphBuilder::Refusal GraphBuilder::Connect(const std::vector<Name>& chain, const Attributes& own) {
  for (std::size_t i = 0; i < chain.size(); ++i) {
    std::size_t node = 0;
    ACCEPT(Touch(chain[i], node));
    if (i > 0) ACCEPT(Append(chain[i - 1], chain[i], own));
  }
  return std::nullopt;
}

GraphBuilder::Refusal GraphBuilder::FinishClasses(Node& node, Draft& draft) {
  std::vector<std::string> wanted = SplitClasses(node.attributes.Text("class"));
  if (wanted.size() > kMaxClasses) {
    return TooMany(node.at, "node '" + node.id + "'", kMaxClasses, "classes");
  }
  if (!draft.subgraph_classes.empty()) node.subgraph_class = draft.subgraph_classes.front();
  for (std::string& name : draft.subgraph_classes) wanted.push_back(std::move(name));
  for (std::string& name : wanted) {
    if (std::find(node.classes.begin(), node.classes.end(), name) == node.classes.end()) {
      node.classes.push_back(std::move(name));
    }
  }
  return std::nullopt;
}

GraphBuilder::Refusal GraphBuilder::Finish() {
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    Node& node = graph_.nodes[i];
    ACCEPT(FinishClasses(node, drafts_[i]));
    node.kind = ResolveKind(node);
    if (drafts_[i].own_kind) continue;
    // `node [shape=tab]` is no word about the node called "start": only what stands on the node
    // itself takes the role from the id.
    Node bare;
    bare.id = node.id;
    const NodeKind by_id = ResolveKind(bare);
    if (by_id != NodeKind::kStart && by_id != NodeKind::kExit) continue;
    std::erase_if(node.attributes.items, [](const Attribute& attribute) {
      return attribute.key == "shape" || attribute.key == "type";
    });
    node.kind = by_id;
  }
  return std::nullopt;
}

}  // namespace fabro::workflow
