// One answer of a model, without tools (workflow language, 3.3).
#include <utility>

#include "fabro/workflow/graph/attributes.h"
#include "fabro/workflow/handlers/model_stage.h"

namespace fabro::workflow {
namespace {

class Prompt final : public Handler {
 public:
  explicit Prompt(agent::Agents& agents) : agents_(agents) {}

  StageOutcome Run(const StageTask& task) const override {
    agent::StageRequest request;
    request.one_call = true;
    const auto memory = GetBool(task.node.attributes, "project_memory");
    if (!memory.ok()) return StageOutcome::Failed(memory.error().message);
    request.project_memory = memory->value_or(true);
    return RunModelStage(agents_, std::move(request), task);
  }

 private:
  agent::Agents& agents_;
};

}  // namespace

std::unique_ptr<Handler> MakePromptHandler(agent::Agents& agents) {
  return std::make_unique<Prompt>(agents);
}

}  // namespace fabro::workflow
