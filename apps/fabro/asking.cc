#include "asking.h"

#include <poll.h>
#include <pwd.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "commands/shared.h"
#include "fabro/runs/questions.h"

namespace fabro::cli {

struct KeyInput::State {
  termios before{};
  termios keys{};
  bool entered = false;
};

KeyInput::KeyInput() : state_(std::make_unique<State>()) {
  if (::tcgetattr(STDIN_FILENO, &state_->before) != 0) return;
  state_->keys = state_->before;
  state_->keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  state_->keys.c_cc[VMIN] = 0;
  state_->keys.c_cc[VTIME] = 0;
  state_->entered = true;
  // What was typed before the question was there is an answer to nothing.
  (void)::tcflush(STDIN_FILENO, TCIFLUSH);
  Again();
}

KeyInput::~KeyInput() {
  if (state_->entered) (void)::tcsetattr(STDIN_FILENO, TCSANOW, &state_->before);
}

void KeyInput::Again() const {
  // In the background the call would stop us.
  if (!state_->entered || ::tcgetpgrp(STDIN_FILENO) != ::getpgrp()) return;
  (void)::tcsetattr(STDIN_FILENO, TCSANOW, &state_->keys);
}

std::string KeyInput::Read() {
  std::array<char, 256> keys{};
  pollfd ready{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  if (::tcgetpgrp(STDIN_FILENO) != ::getpgrp() || ::poll(&ready, 1, 0) != 1) return {};
  const ssize_t size = ::read(STDIN_FILENO, keys.data(), keys.size());
  return size > 0 ? std::string(keys.data(), static_cast<std::size_t>(size)) : std::string();
}

std::string AnswererName() {
  const passwd* user = ::getpwuid(::getuid());
  return user != nullptr ? std::string(user->pw_name) : "uid " + std::to_string(::getuid());
}

std::string DiffForApproval(const runs::RunRef& run) {
  constexpr std::size_t kMost = 16 * 1024;
  const fabro::Result<std::string> diff = LastStageDiff(run);
  if (!diff.ok()) return "nothing to show: " + diff.error().message;
  if (diff->empty()) return "the stage changed no file";
  if (diff->size() <= kMost) return *diff;
  return diff->substr(0, kMost) + "\n… more: fabro diff " + run.id.value();
}

Asker::Asker(const runs::RunRef& run, bool lines, Console& console, Progress& progress)
    : run_(run), console_(console), progress_(progress) {
  const bool terminal = ::isatty(STDIN_FILENO) == 1;
  if (terminal && console.live()) mode_ = Mode::kKeys;
  if (lines && !terminal) mode_ = Mode::kLines;
}

Asker::~Asker() = default;

void Asker::See(const model::Event& event) {
  if (!event.name.starts_with("interview.")) return;
  const std::string id = event.properties.StringAt("question_id");
  if (event.name == "interview.started") {
    open_.insert_or_assign(id, workflow::QuestionOf(event.properties));
    return;
  }
  open_.erase(id);
  if (prompt_ && prompt_->question().id == id) Leave();
}

void Asker::Leave() {
  prompt_.reset();
  keys_.reset();
  progress_.SetPrompt({});
}

void Asker::Turn() {
  if (mode_ == Mode::kKeys) Keys();
  if (mode_ == Mode::kLines) Lines();
}

void Asker::Give(const std::string& question, const model::Json& answer) {
  const Status given = runs::AnswerQuestion(run_, question, answer, AnswererName());
  open_.erase(question);
  if (!given.ok()) {
    progress_.Clear();
    console_.Warn(Inert(given.error().message));
  }
}

void Asker::Keys() {
  if (!prompt_) {
    if (open_.empty()) return;
    prompt_ = std::make_unique<QuestionPrompt>(open_.begin()->second);
    keys_ = std::make_unique<KeyInput>();
    progress_.SetPrompt(prompt_->Lines());
  }
  keys_->Again();
  const QuestionPrompt::Want want = prompt_->Feed(KeyInput::Read());
  if (want == QuestionPrompt::Want::kAnswer) {
    const std::string id = prompt_->question().id;
    const model::Json answer = prompt_->answer();
    Leave();
    Give(id, answer);
  } else if (want == QuestionPrompt::Want::kDiff) {
    progress_.Clear();
    console_.Say(Inert(DiffForApproval(run_), true));
    progress_.SetPrompt(prompt_->Lines());
  } else if (want == QuestionPrompt::Want::kRedraw) {
    progress_.SetPrompt(prompt_->Lines());
  }
}

// One line answers one question; what is not understood asks again; the end interrupts.
void Asker::Lines() {
  if (open_.empty()) return;
  const workflow::Question question = open_.begin()->second;
  if (shown_ != question.id) {
    for (const std::string& line : NumberedLines(question)) console_.Say(line);
    shown_ = question.id;
  }
  pollfd ready{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  while (!at_end_ && line_.find('\n') == std::string::npos && ::poll(&ready, 1, 0) == 1) {
    std::array<char, 4096> chunk{};
    const ssize_t size = ::read(STDIN_FILENO, chunk.data(), chunk.size());
    if (size <= 0) {
      at_end_ = true;
    } else {
      line_.append(chunk.data(), static_cast<std::size_t>(size));
    }
  }
  const std::size_t end = line_.find('\n');
  if (end == std::string::npos && !at_end_) return;
  const std::string typed = line_.substr(0, end);
  line_.erase(0, end == std::string::npos ? end : end + 1);
  if (typed.empty() && at_end_ && line_.empty()) {
    return Give(question.id, model::Json::MakeObject().Set("interrupted", true));
  }
  if (!workflow::MatchAnswer(question, typed)) {
    console_.Say("\"" + Inert(typed) + "\" is no answer to this");
    return;
  }
  Give(question.id, model::Json::MakeObject().Set("text", typed));
}

}  // namespace fabro::cli
