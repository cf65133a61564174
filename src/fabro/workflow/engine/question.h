// Questions to people (workflow language, 5A): what a human gate or an agent's permission asks,
// what may be answered, and how both are written into events and into the run's inbox.
//
// `interview.started` carries ToJson(Question); `interview.completed` carries question_id,
// question, answer (ToJson(Answer)), by and duration_ms; `interview.timeout` question_id, question
// and duration_ms. An answer comes as an inbox item of kind "answer": {question_id, by, answer}. A
// question without completed or timeout after it is open; it is asked again under the same id after
// a crash.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/model/json.h"
#include "fabro/workflow/graph/graph.h"

namespace fabro::workflow {

struct QuestionOption {
  std::string key;    // "A"; unique in its question, whatever the case.
  std::string label;  // As the author wrote it: "[A] Approve".
  std::string to;     // Target node of a gate; empty for other questions.

  friend bool operator==(const QuestionOption&, const QuestionOption&) = default;
};

struct Question {
  std::string id;             // "q-1"; given by the engine.
  std::string kind = "gate";  // Or "permission".
  std::string type;           // multiple_choice, freeform, yes_no, confirmation, multi_select.
  std::string text;
  std::vector<QuestionOption> options;
  bool allow_freeform = false;
  std::string default_key;      // Chosen when the time is over; empty: none.
  std::int64_t timeout_ms = 0;  // 0: waits for ever.
  model::Json metadata = model::Json::MakeObject();

  friend bool operator==(const Question&, const Question&) = default;
};

struct Answer {
  enum class Kind {
    kSelected,     // `key` and `label` of an option.
    kText,         // Free text.
    kInterrupted,  // End of input, cancel, lost session: closes the gate.
    kSkipped,
    kTimeout,
  };
  Kind kind = Kind::kInterrupted;
  std::string key;
  std::string label;
  std::string text;
  std::string by;  // Who: "terminal", "auto-approve", a user's name; not part of equality.

  friend bool operator==(const Answer& a, const Answer& b) {
    return a.kind == b.kind && a.key == b.key && a.text == b.text;
  }
};

// The options of a human node, in file order: every edge but freeform and conditional ones.
std::vector<QuestionOption> OptionsOf(const GraphIndex& index, std::size_t node);

// What typed text means: exact key, number of an option (from 1), normalised label, unique prefix
// of one; else free text where it is allowed. None: it fits nothing, ask again.
std::optional<Answer> MatchAnswer(const Question& question, std::string_view typed);

// Auto-approval: the first option, or the text "auto-approved".
Answer Approve(const Question& question);

model::Json ToJson(const Question& question);
Question QuestionOf(const model::Json& properties);  // Of interview.started.
model::Json ToJson(const Answer& answer);            // Without `by`.
// {"key": …}, {"text": …} as typed, {"interrupted": true}, {"skipped": true}, or what ToJson made.
// None: it does not fit the question.
std::optional<Answer> AnswerOf(const Question& question, const model::Json& json);

}  // namespace fabro::workflow
