#include "fabro/workflow/engine/routing.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <tuple>

namespace fabro::workflow {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

std::string_view Trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

bool IsAlnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

struct Accelerated {
  std::string_view key;  // Empty: the text has none.
  std::string_view rest;
};

// The three forms of section 5A.
Accelerated SplitAccelerator(std::string_view text) {
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close != std::string_view::npos && close > 1) {
      return {text.substr(1, close - 1), Trimmed(text.substr(close + 1))};
    }
  }
  std::size_t key = 0;
  while (key < text.size() && key < 3 && IsAlnum(text[key])) ++key;
  if (key == 0) return {{}, text};
  if (text.substr(key).starts_with(") "))
    return {text.substr(0, key), Trimmed(text.substr(key + 2))};
  if (text.substr(key).starts_with(" - ")) {
    return {text.substr(0, key), Trimmed(text.substr(key + 3))};
  }
  return {{}, text};
}

// Bytes of the first character.
std::size_t FirstCharacter(std::string_view text) {
  std::size_t size = text.empty() ? 0 : 1;
  while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) ++size;
  return size;
}

// Written weights are checked by the validator; what cannot be read counts as unset.
std::int64_t Weight(const Edge& edge) {
  const std::string_view text = edge.attributes.Text("weight");
  std::int64_t weight = 0;
  std::from_chars(text.data(), text.data() + text.size(), weight);
  return weight;
}

class Selector {
 public:
  Selector(const GraphIndex& index, std::size_t node, const RoutingInput& input)
      : graph_(index.graph()),
        input_(input),
        random_(graph_.nodes[node].attributes.Text("selection") == "random") {
    for (const std::size_t edge : index.Out(node)) {
      const bool conditional = !graph_.edges[edge].attributes.Text("condition").empty();
      (conditional ? conditional_ : plain_).push_back(edge);
    }
  }

  std::optional<EdgeChoice> ByCondition() const {
    std::vector<std::size_t> matching;
    for (const std::size_t edge : conditional_) {
      if (input_.holds && input_.holds(edge)) matching.push_back(edge);
    }
    return Best(matching, "condition");
  }

  std::optional<EdgeChoice> ByLabel() const {
    const std::string wanted = NormalizedLabel(input_.preferred_label);
    if (wanted.empty()) return std::nullopt;
    std::vector<std::size_t> matching;
    for (const std::size_t edge : plain_) {
      if (NormalizedLabel(graph_.edges[edge].attributes.Text("label")) == wanted) {
        matching.push_back(edge);
      }
    }
    return Best(matching, "preferred_label");
  }

  std::optional<EdgeChoice> BySuggestion() const {
    for (const std::string& id : input_.suggested_next_ids) {
      std::vector<std::size_t> matching;
      for (const std::size_t edge : plain_) {
        if (graph_.edges[edge].to == id) matching.push_back(edge);
      }
      if (!matching.empty()) return Best(matching, "suggested_next");
    }
    return std::nullopt;
  }

  std::optional<EdgeChoice> Unconditional() const { return Best(plain_, "unconditional"); }

 private:
  std::optional<EdgeChoice> Best(const std::vector<std::size_t>& edges,
                                 std::string_view reason) const {
    if (edges.empty()) return std::nullopt;
    if (random_ && edges.size() > 1) return Drawn(edges);
    // Highest weight, then target in byte order, then file order.
    const auto rank = [&](std::size_t edge) {
      return std::tuple(-Weight(graph_.edges[edge]), std::string_view(graph_.edges[edge].to), edge);
    };
    return EdgeChoice{*std::min_element(edges.begin(), edges.end(),
                                        [&](auto a, auto b) { return rank(a) < rank(b); }),
                      reason};
  }

  EdgeChoice Drawn(const std::vector<std::size_t>& edges) const {
    std::uint64_t total = 0;
    const auto share = [&](std::size_t edge) {
      const std::int64_t weight = Weight(graph_.edges[edge]);
      return weight > 0 ? static_cast<std::uint64_t>(weight) : 1U;
    };
    for (const std::size_t edge : edges) total += share(edge);
    std::uint64_t left = input_.draw % total;
    for (const std::size_t edge : edges) {
      if (left < share(edge)) return {edge, "random"};
      left -= share(edge);
    }
    return {edges.back(), "random"};
  }

  const Graph& graph_;
  const RoutingInput& input_;
  bool random_;
  std::vector<std::size_t> conditional_;
  std::vector<std::size_t> plain_;
};

}  // namespace

std::optional<EdgeChoice> SelectEdge(const GraphIndex& index, std::size_t node,
                                     const RoutingInput& input) {
  const Selector selector(index, node, input);
  if (auto choice = selector.ByCondition()) return choice;
  // An approval that was not given must not pass along the way of one that was.
  if (index.graph().nodes[node].kind == NodeKind::kHuman && input.status == StageStatus::kFailed) {
    return std::nullopt;
  }
  if (auto choice = selector.ByLabel()) return choice;
  if (auto choice = selector.BySuggestion()) return choice;
  return selector.Unconditional();
}

std::uint64_t RandomDraw(std::string_view run_id, std::string_view node, std::uint64_t visit) {
  // FNV-1a over the three, then the finalizer of splitmix64: spread, not secrecy.
  std::uint64_t hash = 0xcbf29ce484222325U;
  const auto add = [&](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    hash = (hash ^ 0xFFU) * 0x100000001b3U;
  };
  add(run_id);
  add(node);
  add(std::to_string(visit));
  hash = (hash ^ (hash >> 30U)) * 0xbf58476d1ce4e5b9U;
  hash = (hash ^ (hash >> 27U)) * 0x94d049bb133111ebU;
  return hash ^ (hash >> 31U);
}

std::string AcceleratorKey(std::string_view label) {
  const std::string_view text = Trimmed(label);
  const Accelerated split = SplitAccelerator(text);
  return std::string(split.key.empty() ? text.substr(0, FirstCharacter(text)) : split.key);
}

std::string NormalizedLabel(std::string_view label) {
  std::string text(SplitAccelerator(Trimmed(label)).rest);
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

const Node* RetryTarget(const GraphIndex& index, const Node& node) {
  const Attributes& graph = index.graph().attributes;
  const std::array candidates{node.attributes.Text("retry_target"),
                              node.attributes.Text("fallback_retry_target"),
                              graph.Text("retry_target"), graph.Text("fallback_retry_target")};
  for (const std::string_view id : candidates) {
    const Node* target = id.empty() ? nullptr : index.Find(id);
    if (target != nullptr && target->kind != NodeKind::kExit) return target;
  }
  return nullptr;
}

}  // namespace fabro::workflow
