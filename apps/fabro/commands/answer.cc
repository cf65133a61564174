// `fabro answer RUN [QUESTION] [VALUE]`: a gate or a permission, from another terminal or a pipe.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "../asking.h"
#include "commands.h"
#include "fabro/runs/questions.h"
#include "shared.h"

namespace fabro::cli {
namespace {

using runs::RunQuestion;

int List(const std::vector<RunQuestion>& questions, Console& console) {
  for (const RunQuestion& one : questions) {
    if (console.json()) {
      model::Json json = workflow::ToJson(one.question);
      json.Set("stage_id", one.stage_id).Set("asked_at", one.asked_at).Set("open", one.open);
      if (!one.open) json.Set("answer", workflow::ToJson(one.answer)).SetIfAny("by", one.answer.by);
      console.Result(json.Dump());
      continue;
    }
    std::vector<std::string> lines = NumberedLines(one.question);
    lines.front() += one.open ? "  (open)" : "  (answered)";
    if (!one.open) lines.resize(1);
    for (const std::string& line : lines) console.Result(line);
  }
  if (questions.empty()) console.Say("the run has asked nothing");
  return kOk;
}

const RunQuestion* OpenOne(const std::vector<RunQuestion>& questions) {
  const auto open = std::find_if(questions.begin(), questions.end(),
                                 [](const RunQuestion& one) { return one.open; });
  return open == questions.end() ? nullptr : &*open;
}

// QUESTION may be left out where it is clear: the first open one is meant.
const RunQuestion* Meant(const std::vector<RunQuestion>& questions, AnswerOptions& options) {
  if (options.question.empty()) return OpenOne(questions);
  for (const RunQuestion& one : questions) {
    if (one.question.id == options.question) return &one;
  }
  if (!options.value.empty()) return nullptr;
  options.value = options.question;  // `fabro answer RUN approve`
  return OpenOne(questions);
}

// Asks here: with keys on a terminal, else one line of stdin.
fabro::Result<model::Json> AskHere(const runs::RunRef& run, const RunQuestion& asked,
                                   Console& console) {
  if (::isatty(STDIN_FILENO) != 1 || !console.live()) {
    for (const std::string& line : NumberedLines(asked.question)) console.Say(line);
    std::string typed;
    if (!std::getline(std::cin, typed)) {
      return Failure(Code::kInvalidArgument, "no answer was given", "answer_missing",
                     "give VALUE, --key or --text");
    }
    return model::Json::MakeObject().Set("text", typed);
  }
  Progress progress(console);
  QuestionPrompt prompt(asked.question);
  const KeyInput keys;
  while (true) {
    progress.SetPrompt(prompt.Lines());
    pollfd ready{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, -1) < 0) continue;
    const std::string typed = KeyInput::Read();
    if (typed.empty() && (ready.revents & POLLHUP) != 0) {
      return Failure(Code::kCancelled, "the terminal is gone", "answer_missing");
    }
    const QuestionPrompt::Want want = prompt.Feed(typed);
    if (want == QuestionPrompt::Want::kDiff) {
      progress.Clear();
      console.Say(Inert(DiffForApproval(run), true));
    }
    if (want == QuestionPrompt::Want::kAnswer) break;
  }
  progress.Clear();
  return prompt.answer();
}

fabro::Result<model::Json> AnswerOf(const AnswerOptions& options, const runs::RunRef& run,
                                    const RunQuestion& asked, Console& console) {
  model::Json answer = model::Json::MakeObject();
  if (!options.key.empty()) return answer.Set("key", options.key);
  if (!options.text.empty()) return answer.Set("kind", "text").Set("text", options.text);
  if (!options.value.empty()) return answer.Set("text", options.value);
  if (!asked.open) {
    return Failure(Code::kFailedPrecondition, "question " + asked.question.id + " is closed",
                   "question_closed", "fabro answer " + run.id.value() + " --list");
  }
  return AskHere(run, asked, console);
}

}  // namespace

int Run(const AnswerOptions& given, const GlobalOptions& global, Console& console) {
  AnswerOptions options = given;
  const fabro::Result<runs::RunRef> run = FindRun(global, options.run);
  if (!run.ok()) return console.Fail(run.error());
  const fabro::Result<std::vector<RunQuestion>> questions = runs::Questions(*run);
  if (!questions.ok()) return console.Fail(questions.error());
  if (options.list) return List(*questions, console);
  const RunQuestion* asked = Meant(*questions, options);
  if (asked == nullptr) {
    (void)console.Fail(Failure(Code::kNotFound,
                               "run " + run->id.value() + " has no open question" +
                                   (given.question.empty() ? "" : " " + Inert(given.question)),
                               "no_open_question", "fabro answer " + run->id.value() + " --list"));
    return kNotFound;
  }
  const fabro::Result<model::Json> answer = AnswerOf(options, *run, *asked, console);
  if (!answer.ok()) return console.Fail(answer.error());
  const Status done = runs::AnswerQuestion(*run, asked->question.id, *answer, AnswererName());
  if (!done.ok()) return console.Fail(done.error());
  console.Say("answered " + asked->question.id);
  return kOk;
}

}  // namespace fabro::cli
