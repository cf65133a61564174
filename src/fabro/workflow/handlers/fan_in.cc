// Where parallel branches meet (workflow language, 9A): a barrier that ranks what they brought.
#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "fabro/workflow/handlers/table.h"

namespace fabro::workflow {
namespace {

using model::Json;

struct Candidate {
  std::string id;
  std::string status;
  double score = 0;
};

// succeeded, partially_succeeded, skipped, failed.
std::size_t Rank(const std::string& status) {
  constexpr std::array<std::string_view, 4> kOrder{"succeeded", "partially_succeeded", "skipped",
                                                   "failed"};
  return static_cast<std::size_t>(std::find(kOrder.begin(), kOrder.end(), status) - kOrder.begin());
}

double ScoreOf(const Json& result) {
  const Json* updates = result.Find("context_updates");
  const Json* score = updates == nullptr ? nullptr : updates->Find("score");
  if (score == nullptr) return 0;
  if (const double* real = score->Double()) return *real;
  const std::int64_t* whole = score->Int();
  return whole == nullptr ? 0 : static_cast<double>(*whole);
}

std::vector<Candidate> CandidatesOf(const Json& results) {
  std::vector<Candidate> candidates;
  if (results.Items() == nullptr) return candidates;
  for (const Json& result : *results.Items()) {
    candidates.push_back({result.StringAt("id"), result.StringAt("status"), ScoreOf(result)});
  }
  return candidates;
}

class FanIn final : public Handler {
 public:
  StageOutcome Run(const StageTask& task) const override {
    const Json results = task.services->Value("parallel.results");
    std::vector<Candidate> candidates = CandidatesOf(results);
    if (candidates.empty()) return StageOutcome::Failed("there are no parallel results to join");
    std::stable_sort(candidates.begin(), candidates.end(),
                     [](const Candidate& a, const Candidate& b) {
                       if (Rank(a.status) != Rank(b.status)) return Rank(a.status) < Rank(b.status);
                       return a.score != b.score ? a.score > b.score : a.id < b.id;
                     });
    const Candidate& best = candidates.front();
    if (best.status == "failed") return StageOutcome::Failed("every branch failed");
    StageOutcome outcome;
    const Handler* prompt = PromptHandlerOrNull();
    if (task.node.attributes.Has("prompt") && prompt != nullptr) outcome = prompt->Run(task);
    outcome.context_updates["parallel.fan_in.best_id"] = Json(best.id);
    outcome.context_updates["parallel.fan_in.best_outcome"] = Json(best.status);
    return outcome;
  }

 private:
  static const Handler* PromptHandlerOrNull() {
    const HandlerTable& table = BuiltInHandlers();
    const auto found = table.find(NodeKind::kPrompt);
    return found == table.end() ? nullptr : found->second;
  }
};

}  // namespace

const Handler* FanInHandler() {
  static const FanIn kHandler;
  return &kHandler;
}

}  // namespace fabro::workflow
