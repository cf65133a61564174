// An agent at work on a stage (workflow language, 3.2): a session with tools in the run's sandbox.
#include <utility>

#include "fabro/workflow/handlers/model_stage.h"

namespace fabro::workflow {
namespace {

using model::Json;

constexpr std::string_view kYes = "Y";
constexpr std::string_view kAlways = "A";
constexpr std::string_view kNo = "N";

Question QuestionAbout(const agent::StagePermission& asked, const StageTask& task) {
  Question question;
  question.kind = "permission";
  question.type = "multiple_choice";
  question.text = task.stage_id + " wants to call " + asked.tool_name + " (" + asked.category +
                  "), its permissions are \"" + asked.level + "\": " + asked.arguments;
  question.options = {{.key = std::string(kYes), .label = "[Y] Yes, this once", .to = {}},
                      {.key = std::string(kAlways), .label = "[A] Always", .to = {}},
                      {.key = std::string(kNo), .label = "[N] No", .to = {}}};
  question.metadata.Set("stage", task.stage_id).Set("tool_name", asked.tool_name);
  question.metadata.Set("arguments", asked.arguments).Set("category", asked.category);
  return question;
}

agent::StageAnswerer Understood(const Answer& answer) {
  using agent::StageConsent;
  if (answer.kind == Answer::Kind::kTimeout) return {.consent = StageConsent::kNobody};
  if (answer.kind != Answer::Kind::kSelected) {
    return {.consent = StageConsent::kNo, .by = answer.by};
  }
  if (answer.key == kYes) return {.consent = StageConsent::kYes, .by = answer.by};
  if (answer.key == kAlways) return {.consent = StageConsent::kAlways, .by = answer.by};
  return {.consent = StageConsent::kNo, .by = answer.by};
}

class Agent final : public Handler {
 public:
  Agent(agent::Agents& agents, bool may_ask) : agents_(agents), may_ask_(may_ask) {}

  StageOutcome Run(const StageTask& task) const override {
    agent::StageRequest request;
    if (may_ask_) {
      request.ask = [&task](const agent::StagePermission& asked) -> Result<agent::StageAnswerer> {
        Question question = QuestionAbout(asked, task);
        question.timeout_ms = asked.timeout_ms;
        const Answer answer = TRY(task.services->Ask(std::move(question)));
        return Understood(answer);
      };
    }
    return RunModelStage(agents_, std::move(request), task);
  }

 private:
  agent::Agents& agents_;
  bool may_ask_;
};

}  // namespace

std::unique_ptr<Handler> MakeAgentHandler(agent::Agents& agents, bool may_ask) {
  return std::make_unique<Agent>(agents, may_ask);
}

}  // namespace fabro::workflow
