// What the statements of a workflow file do to its graph: scopes, defaults, classes, limits
// (section 2.4). Used by the parser alone, which knows the grammar.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fabro/workflow/graph/graph.h"
#include "fabro/workflow/graph/parser.h"

namespace fabro::workflow {

// An id as it stands in the source, which outlives the builder.
struct Name {
  std::string_view text;
  Position at;
};

class GraphBuilder {
 public:
  // Empty: done.
  using Refusal = std::optional<SyntaxError>;

  // What braces enclose: the graph, or a subgraph.
  struct Scope {
    Attributes own;            // The graph's; of a subgraph only `label` has an effect.
    Attributes node_defaults;  // A nested scope starts with a copy, and its changes end with it.
    Attributes edge_defaults;
    std::vector<std::size_t> declared;  // Nodes that get the class of the label; may repeat.
  };

  void Begin(const Name& name);
  Refusal OpenScope(Position at);
  Refusal CloseScope(Position at);
  std::size_t depth() const { return scopes_.size(); }
  Scope& scope() { return scopes_.back(); }

  // A node statement; `own` is merged over what the node has.
  Refusal Declare(const Name& name, Attributes own);
  // A chain a -> b -> c; `own` goes to every edge of it.
  Refusal Connect(const std::vector<Name>& chain, const Attributes& own);

  // After the last scope was closed: classes and kinds. Call once.
  Refusal Finish();
  Graph Take() { return std::move(graph_); }

 private:
  // What is known of a node beyond the value that is made.
  struct Draft {
    bool own_kind = false;                      // `shape` or `type` stands on the node itself.
    std::vector<std::string> subgraph_classes;  // Innermost first.
  };

  Refusal Charge(std::uint64_t bytes, Position at);
  Refusal Charge(const Attributes& copied, Position at);
  Refusal Touch(const Name& name, std::size_t& node);
  Refusal Append(const Name& from, const Name& to, const Attributes& own);
  Refusal FinishClasses(Node& node, Draft& draft);

  Graph graph_;
  std::vector<Scope> scopes_;
  std::vector<Draft> drafts_;                              // One a node.
  std::unordered_map<std::string_view, std::size_t> ids_;  // Keys lie in the source.
  std::uint64_t expanded_ = 0;
};

}  // namespace fabro::workflow
