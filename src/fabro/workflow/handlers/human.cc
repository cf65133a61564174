// Asks a person which way to go (workflow language, 5A). What is not answered fails closed.
#include <chrono>
#include <string>
#include <utility>

#include "fabro/workflow/engine/routing.h"
#include "fabro/workflow/graph/attributes.h"
#include "fabro/workflow/handlers/table.h"

namespace fabro::workflow {
namespace {

using model::Json;

std::string FreeformTarget(const GraphIndex& index, std::size_t node) {
  for (const std::size_t number : index.Out(node)) {
    const Edge& edge = index.graph().edges[number];
    const auto freeform = GetBool(edge.attributes, "freeform");
    if (freeform.ok() && freeform->value_or(false)) return edge.to;
  }
  return {};
}

// `human.default_choice` is the id of a target or the label of an edge.
std::string DefaultKey(const Question& question, std::string_view wanted) {
  if (wanted.empty()) return {};
  for (const QuestionOption& option : question.options) {
    if (option.to == wanted || NormalizedLabel(option.label) == NormalizedLabel(wanted)) {
      return option.key;
    }
  }
  return {};
}

StageOutcome Chosen(const Question& question, const std::string& key) {
  for (const QuestionOption& option : question.options) {
    if (option.key != key) continue;
    StageOutcome outcome;
    outcome.preferred_label = option.label;
    outcome.suggested_next_ids = {option.to};
    outcome.context_updates["human.gate.selected"] = Json(option.key);
    outcome.context_updates["human.gate.label"] = Json(option.label);
    return outcome;
  }
  return StageOutcome::Failed("the answer \"" + key + "\" is none of the options");
}

StageOutcome Typed(const std::string& text, const std::string& target) {
  StageOutcome outcome;
  if (!target.empty()) outcome.suggested_next_ids = {target};
  outcome.context_updates["human.gate.selected"] = Json("freeform");
  outcome.context_updates["human.gate.text"] = Json(text);
  return outcome;
}

StageOutcome TimedOut(const Question& question) {
  if (!question.default_key.empty()) return Chosen(question, question.default_key);
  StageOutcome outcome =
      StageOutcome::Failed("nobody answered within the time limit", FailureClass::kTransientInfra);
  outcome.retry_requested = true;
  return outcome;
}

class Human final : public Handler {
 public:
  StageOutcome Run(const StageTask& task) const override {
    const std::size_t node = task.index->IndexOf(task.node.id);
    const std::string free_target = FreeformTarget(*task.index, node);
    Question question;
    question.text = std::string(task.node.Label());
    question.options = OptionsOf(*task.index, node);
    question.allow_freeform = !free_target.empty();
    question.type = question.options.empty() ? "freeform" : "multiple_choice";
    question.default_key = DefaultKey(question, task.node.attributes.Text("human.default_choice"));
    if (task.timeout) {
      question.timeout_ms =
          std::chrono::duration_cast<std::chrono::milliseconds>(*task.timeout).count();
    }
    auto answer = task.services->Ask(question);
    if (!answer.ok()) {
      if (answer.error().reason == "suspended") return StageOutcome::Suspended();
      return StageOutcome::Failed(answer.error().ToString());
    }
    StageOutcome outcome = OutcomeOf(*answer, question, free_target);
    outcome.details.Set("question", question.text).SetIfAny("answered_by", answer->by);
    if (outcome.status == StageStatus::kSucceeded) {
      const std::string prefix = "human.gate." + task.node.id + ".";
      const bool typed = answer->kind == Answer::Kind::kText;
      outcome.context_updates[prefix + "question"] = Json(question.text);
      outcome.context_updates[prefix + "answer"] = Json(typed ? answer->text : answer->key);
      outcome.context_updates[prefix + "label"] = Json(answer->label);
    }
    return outcome;
  }

 private:
  static StageOutcome OutcomeOf(const Answer& answer, const Question& question,
                                const std::string& free_target) {
    switch (answer.kind) {
      case Answer::Kind::kSelected:
        return Chosen(question, answer.key);
      case Answer::Kind::kText:
        return Typed(answer.text, free_target);
      case Answer::Kind::kTimeout:
        return TimedOut(question);
      case Answer::Kind::kInterrupted:
      case Answer::Kind::kSkipped:
        break;
    }
    return StageOutcome::Failed("the question was not answered");
  }
};

}  // namespace

const Handler* HumanHandler() {
  static const Human kHandler;
  return &kHandler;
}

}  // namespace fabro::workflow
