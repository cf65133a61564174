// Questions of a run, answered where the run is shown: with keys on a terminal, with lines from a
// pipe. Answers that others give meanwhile close the question here too.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "console.h"
#include "fabro/model/event.h"
#include "fabro/runs/runs.h"
#include "progress.h"
#include "question_prompt.h"

namespace fabro::cli {

// The user's name, as "who answered".
std::string AnswererName();

// What a stage changed, as lines for a terminal; why there is nothing to show, else.
std::string DiffForApproval(const runs::RunRef& run);

// stdin without echo and line editing; as it was once this goes. Signals keep their keys.
class KeyInput {
 public:
  KeyInput();
  ~KeyInput();
  KeyInput(const KeyInput&) = delete;
  KeyInput& operator=(const KeyInput&) = delete;

  // Takes effect again after the program was stopped and continued.
  void Again() const;
  // What was typed and not read; never blocks.
  static std::string Read();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class Asker {
 public:
  enum class Mode { kNone, kKeys, kLines };

  // `lines`: questions may be answered by lines of a stdin that is no terminal, and its end
  // interrupts them.
  Asker(const runs::RunRef& run, bool lines, Console& console, Progress& progress);
  ~Asker();

  Mode mode() const { return mode_; }
  void See(const model::Event& event);
  // To be called when stdin may have something, and some times a second.
  void Turn();
  // Whether stdin is wanted now.
  bool wants_keys() const { return prompt_ != nullptr; }
  void Leave();  // Gives the terminal back.

 private:
  void Keys();
  void Lines();
  void Give(const std::string& question, const model::Json& answer);

  runs::RunRef run_;
  Console& console_;
  Progress& progress_;
  Mode mode_ = Mode::kNone;
  std::map<std::string, workflow::Question> open_;  // By id, which is the order of asking.
  std::unique_ptr<QuestionPrompt> prompt_;
  std::unique_ptr<KeyInput> keys_;
  std::string line_;   // Of kLines: read and not used yet.
  std::string shown_;  // Of kLines: the question that was printed.
  bool at_end_ = false;
};

}  // namespace fabro::cli
