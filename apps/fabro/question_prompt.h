// A question as a person answers it with keys: arrows, the options' own letters, numbers, free
// text. Knows nothing of terminals: keys in, lines out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fabro/model/json.h"
#include "fabro/workflow/engine/question.h"
#include "live_block.h"

namespace fabro::cli {

class QuestionPrompt {
 public:
  enum class Want { kNothing, kRedraw, kAnswer, kDiff };

  explicit QuestionPrompt(workflow::Question question);

  // Bytes as a terminal in non-canonical mode sends them. kAnswer: answer() holds it; what follows
  // in `keys` is dropped, as it was typed for no other question.
  Want Feed(std::string_view keys);
  const model::Json& answer() const { return answer_; }
  const workflow::Question& question() const { return question_; }

  std::vector<LiveLine> Lines() const;

 private:
  Want Key(std::string_view key);
  Want MenuKey(std::string_view key);
  Want TextKey(std::string_view key);
  Want Choose(std::size_t option);
  std::size_t Entries() const {
    return question_.options.size() + (question_.allow_freeform ? 1 : 0);
  }

  workflow::Question question_;
  model::Json answer_;
  std::size_t selected_ = 0;
  bool typing_ = false;
  std::string typed_;
};

// The same for who cannot see a menu: "1  A  [A] Approve" a line.
std::vector<std::string> NumberedLines(const workflow::Question& question);

}  // namespace fabro::cli
