// What others left in a run's inbox for its worker: cancel orders, budgets, answers.
#include <utility>

#include "fabro/runs/worker_run.h"

namespace fabro::runs {

using model::Json;

Status WorkerRun::LookIntoInbox() {
  const std::vector<store::InboxItem> items = TRY(inbox_.Pending());
  const std::lock_guard lock(inbox_mutex_);
  for (const store::InboxItem& item : items) {
    if (item.kind == "cancel") {
      cancel_items_.push_back(item.id);
      cancelled_by_ = item.body.StringAt("by", "somebody");
      control_->Cancel(workflow::CancelReason::kUser);
    } else if (item.kind == "budget") {
      if (const Json::Object* members = item.body.Members()) {
        for (const auto& [key, value] : *members) new_budget_.Set(key, value);
      }
      budget_items_.push_back(item.id);
    } else if (item.kind == "answer") {
      TakeAnswer(item);
    }
  }
  return {};
}

// To whoever asked; an item whose question is answered is used up.
void WorkerRun::TakeAnswer(const store::InboxItem& item) {
  const std::string question = item.body.StringAt("question_id");
  const bool closed = log_.Look(
      [&](const workflow::RunState& state) { return state.closed_questions.contains(question); });
  if (closed) {
    (void)inbox_.Done(item.id);
    return;
  }
  if (!seen_items_.insert(item.id).second) return;
  const Json* answer = item.body.Find("answer");
  interviews_.Post(question, {.item = item.id,
                              .by = item.body.StringAt("by", "somebody"),
                              .answer = answer != nullptr ? *answer : Json::MakeObject()});
}

}  // namespace fabro::runs
