#include "fabro/runs/questions.h"

#include <algorithm>
#include <utility>

#include "fabro/runs/control_socket.h"
#include "fabro/runs/paths.h"
#include "fabro/store/event_store.h"
#include "fabro/store/inbox.h"
#include "fabro/store/run_lock.h"

namespace fabro::runs {
namespace {

using model::Event;
using model::Json;
using workflow::Answer;

constexpr std::size_t kPage = 512;

void Take(const Event& event, std::vector<RunQuestion>& questions) {
  if (!event.name.starts_with("interview.")) return;
  const std::string id = event.properties.StringAt("question_id");
  const auto known = std::find_if(questions.begin(), questions.end(),
                                  [&](const RunQuestion& q) { return q.question.id == id; });
  if (event.name == "interview.started") {
    if (known == questions.end()) {
      questions.push_back({.question = workflow::QuestionOf(event.properties),
                           .stage_id = event.stage_id,
                           .asked_at = event.ts,
                           .open = true,
                           .answer = {}});
    }
    return;
  }
  if (known == questions.end()) return;
  known->open = false;
  known->answer = {};
  if (event.name == "interview.timeout") {
    known->answer.kind = Answer::Kind::kTimeout;
  } else if (const Json* json = event.properties.Find("answer")) {
    known->answer = workflow::AnswerOf(known->question, *json).value_or(Answer{});
  }
  known->answer.by = event.properties.StringAt("by");
}

std::string TextOf(const Answer& answer) {
  switch (answer.kind) {
    case Answer::Kind::kSelected:
      return answer.label;
    case Answer::Kind::kText:
      return "\"" + answer.text + "\"";
    case Answer::Kind::kTimeout:
      return "nobody in time";
    default:
      return "nothing";
  }
}

// What a closed question says to this answer.
Status Compare(const RunQuestion& asked, const Answer& answer) {
  if (asked.answer == answer) return {};
  std::string message =
      "question " + asked.question.id + " was answered before: " + TextOf(asked.answer);
  if (!asked.answer.by.empty()) message += ", by " + asked.answer.by;
  return Failure(Code::kFailedPrecondition, std::move(message), "question_closed");
}

Result<RunQuestion> FindQuestion(const RunRef& run, const std::string& id) {
  const std::vector<RunQuestion> questions = TRY(Questions(run));
  for (const RunQuestion& question : questions) {
    if (question.question.id == id) return question;
  }
  return Failure(Code::kNotFound, "run " + run.id.value() + " asked no question " + id,
                 "question_not_found", "fabro answer " + run.id.value() + " --list");
}

// An answer that waits for a worker: the first one counts.
Result<std::optional<Answer>> Waiting(const RunRef& run, const RunQuestion& asked) {
  const std::vector<store::InboxItem> items = TRY(store::Inbox(run.dir).Pending());
  for (const store::InboxItem& item : items) {
    if (item.kind != "answer" || item.body.StringAt("question_id") != asked.question.id) continue;
    const Json* json = item.body.Find("answer");
    auto answer = json == nullptr ? std::nullopt : workflow::AnswerOf(asked.question, *json);
    if (answer) answer->by = item.body.StringAt("by");
    if (answer) return answer;
  }
  return std::optional<Answer>();
}

// Until the worker has recorded an answer or is gone.
Status AwaitRecord(const RunRef& run, const std::string& id, const Answer& answer) {
  RunQuestion asked = TRY(FindQuestion(run, id));
  std::uint64_t after = 0;
  TRY(Follow(run, after, -1, [&](const Event& event) {
    const bool ours = event.name.starts_with("interview.") && event.name != "interview.started" &&
                      event.properties.StringAt("question_id") == id;
    const bool over = event.name == "run.paused";
    return !ours && !over;
  }));
  asked = TRY(FindQuestion(run, id));
  if (asked.open) return {};  // It waits in the inbox for the next worker.
  return Compare(asked, answer);
}

}  // namespace

Result<std::vector<RunQuestion>> Questions(const RunRef& run) {
  auto events = TRY(store::OpenRunDb(run.dir, true));
  std::vector<RunQuestion> questions;
  bool ended = false;
  for (std::uint64_t after = 0;;) {
    const std::vector<Event> page = TRY(events->Read(after, kPage));
    if (page.empty()) break;
    for (const Event& event : page) {
      Take(event, questions);
      if (event.name == "run.completed" || event.name == "run.failed") ended = true;
      if (event.name == "run.resumed") ended = false;
    }
    after = page.back().seq;
  }
  // Nobody listens to a run that has ended.
  for (RunQuestion& question : questions) question.open = question.open && !ended;
  return questions;
}

Status AnswerQuestion(const RunRef& run, const std::string& question_id, const Json& answer,
                      const std::string& by) {
  const RunQuestion asked = TRY(FindQuestion(run, question_id));
  auto meant = workflow::AnswerOf(asked.question, answer);
  if (!meant) {
    return Failure(Code::kInvalidArgument, "the answer fits no option of " + question_id,
                   "answer_invalid", "fabro answer " + run.id.value() + " shows the options");
  }
  if (!asked.open) return Compare(asked, *meant);
  const std::optional<Answer> waiting = TRY(Waiting(run, asked));
  if (waiting) {
    RunQuestion decided = asked;
    decided.answer = *waiting;
    TRY(Compare(decided, *meant));
  } else {
    Json body;
    body.Set("question_id", question_id).Set("by", by).Set("answer", workflow::ToJson(*meant));
    TRY(store::Inbox(run.dir).Put("answer", body));
  }
  Json look;
  look.Set("op", "look");
  const auto heard = AskWorker(run.dir, look);
  const bool live = TRY(store::IsRunLocked(run.dir));
  if (!heard.ok() || !live) return {};  // On disk: the next worker reads it first.
  return AwaitRecord(run, question_id, *meant);
}

}  // namespace fabro::runs
