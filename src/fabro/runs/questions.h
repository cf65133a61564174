// Questions of a run, for whoever answers them: a terminal, `fabro answer`, a server. A question is
// open from `interview.started` to `interview.completed` or `interview.timeout`; an answer is a
// message in the run's inbox, so it may be given while no worker lives, and is then read first on
// resume. What is asked and answered: workflow/engine/question.h.
#pragma once

#include <string>
#include <vector>

#include "fabro/runs/runs.h"
#include "fabro/workflow/engine/question.h"

namespace fabro::runs {

struct RunQuestion {
  workflow::Question question;
  std::string stage_id;
  std::string asked_at;  // RFC 3339.
  bool open = true;
  // Of a closed one.
  workflow::Answer answer;  // kTimeout when its time passed; `by` says who.
};

// All questions of a run in the order in which they were asked.
Result<std::vector<RunQuestion>> Questions(const RunRef& run);

// Answers one; blocks until a live worker has taken it. `answer` as AnswerOf reads it: {"text": …}
// is matched as a person typed it. The same answer twice is success.
// kNotFound "question_not_found"; kInvalidArgument "answer_invalid" (it fits no option);
// kFailedPrecondition "question_closed" (answered otherwise before, by whom is in the message).
Status AnswerQuestion(const RunRef& run, const std::string& question_id, const model::Json& answer,
                      const std::string& by);

}  // namespace fabro::runs
