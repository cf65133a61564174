// Which session a model stage continues and what it is told (workflow language, 7.2 and 7.3).
#include "fabro/workflow/engine/engine.h"
#include "fabro/workflow/engine/preamble.h"

namespace fabro::workflow {

// Edge taken into the node, node, graph, compact. `full` needs its session: after a resume and in a
// branch it is a summary.
std::string Engine::FidelityOf(const Node& node) const {
  std::string fidelity = "compact";
  for (const std::string_view word :
       {std::string_view(state_.entry_fidelity), node.attributes.Text("fidelity"),
        graph_.attributes.Text("default_fidelity")}) {
    if (!IsFidelity(word)) continue;
    fidelity = word;
    break;
  }
  // What the attempt in flight was started with; the question was settled then.
  if (state_.phase == Phase::kInFlight) {
    const auto started = state_.context.find("internal.fidelity");
    if (started != state_.context.end()) return started->second.ToText();
  }
  return fidelity == "full" && (degrade_ || inside_.is_branch) ? "summary:high" : fidelity;
}

// Edge, node, graph, class of the innermost subgraph, node before. A restarted loop has new ones.
std::string Engine::ThreadOf(const Node& node) const {
  std::string key;
  for (const std::string_view candidate :
       {std::string_view(state_.entry_thread), node.attributes.Text("thread_id"),
        graph_.attributes.Text("default_thread"), std::string_view(node.subgraph_class),
        std::string_view(state_.previous_node)}) {
    if (candidate.empty()) continue;
    key = candidate;
    break;
  }
  if (state_.restarts > 0) key += "#" + std::to_string(state_.restarts);
  return inside_.scope.empty() ? key : inside_.scope + ">" + key;
}

}  // namespace fabro::workflow
