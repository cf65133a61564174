#include "fabro/workflow/engine/join.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <vector>

namespace fabro::workflow {
namespace {

constexpr std::size_t kFar = std::numeric_limits<std::size_t>::max();

// Distances from `first`, which is 0; kFar: not reached. Nothing behind `stop` is looked at.
std::vector<std::size_t> Distances(const GraphIndex& index, std::size_t first, std::size_t stop) {
  std::vector<std::size_t> distances(index.graph().nodes.size(), kFar);
  if (first == GraphIndex::kNone) return distances;
  std::deque<std::size_t> next{first};
  distances[first] = 0;
  while (!next.empty()) {
    const std::size_t node = next.front();
    next.pop_front();
    if (node == stop) continue;
    for (const std::size_t edge : index.Out(node)) {
      const std::size_t target = index.Target(edge);
      if (target == GraphIndex::kNone || distances[target] != kFar) continue;
      distances[target] = distances[node] + 1;
      next.push_back(target);
    }
  }
  return distances;
}

}  // namespace

std::string JoinOf(const GraphIndex& index, std::string_view parallel) {
  const std::size_t fork = index.IndexOf(parallel);
  if (fork == GraphIndex::kNone || index.Out(fork).empty()) return {};
  const auto& nodes = index.graph().nodes;
  std::vector<std::size_t> farthest(nodes.size(), 0);
  for (const std::size_t edge : index.Out(fork)) {
    const auto distances = Distances(index, index.Target(edge), fork);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      farthest[i] = std::max(farthest[i], distances[i]);
    }
  }
  const auto nearest = [&](bool fan_in_only) {
    std::size_t best = GraphIndex::kNone;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (i == fork || farthest[i] == kFar) continue;
      if (fan_in_only && nodes[i].kind != NodeKind::kFanIn) continue;
      const bool better = best == GraphIndex::kNone || farthest[i] < farthest[best] ||
                          (farthest[i] == farthest[best] && nodes[i].id < nodes[best].id);
      if (better) best = i;
    }
    return best;
  };
  std::size_t best = nearest(true);
  if (best == GraphIndex::kNone) best = nearest(false);
  return best == GraphIndex::kNone ? std::string() : nodes[best].id;
}

bool IsInBranch(const GraphIndex& index, std::string_view first, std::string_view join,
                std::string_view node) {
  const std::size_t at = index.IndexOf(node);
  if (at == GraphIndex::kNone || node == join) return false;
  return Distances(index, index.IndexOf(first), index.IndexOf(join))[at] != kFar;
}

}  // namespace fabro::workflow
