#include "question_prompt.h"

#include <algorithm>
#include <utility>

namespace fabro::cli {
namespace {

constexpr std::string_view kUp = "\x1b[A";
constexpr std::string_view kDown = "\x1b[B";
constexpr std::string_view kEscape = "\x1b";

// The first key of `keys`: an escape sequence (ECMA-48: CSI … final byte, SS3 letter) or one byte.
std::size_t KeySize(std::string_view keys) {
  if (keys[0] != '\x1b' || keys.size() < 3 || (keys[1] != '[' && keys[1] != 'O')) return 1;
  std::size_t end = 2;
  while (end < keys.size() && (keys[end] < '@' || keys[end] > '~')) ++end;
  return std::min(end + 1, keys.size());
}

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Cuts off the last character, all bytes of it.
void Backspace(std::string& text) {
  while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0U) == 0x80U) {
    text.pop_back();
  }
  if (!text.empty()) text.pop_back();
}

}  // namespace

QuestionPrompt::QuestionPrompt(workflow::Question question) : question_(std::move(question)) {
  typing_ = question_.options.empty();
  for (std::size_t i = 0; i < question_.options.size(); ++i) {
    if (question_.options[i].key == question_.default_key) selected_ = i;
  }
}

QuestionPrompt::Want QuestionPrompt::Feed(std::string_view keys) {
  Want want = Want::kNothing;
  while (!keys.empty()) {
    const std::size_t size = KeySize(keys);
    const Want one = Key(keys.substr(0, size));
    if (one == Want::kAnswer || one == Want::kDiff) return one;
    if (one != Want::kNothing) want = one;
    keys.remove_prefix(size);
  }
  return want;
}

QuestionPrompt::Want QuestionPrompt::Key(std::string_view key) {
  return typing_ ? TextKey(key) : MenuKey(key);
}

QuestionPrompt::Want QuestionPrompt::Choose(std::size_t option) {
  if (option >= question_.options.size()) {
    typing_ = true;
    return Want::kRedraw;
  }
  answer_ = model::Json::MakeObject().Set("key", question_.options[option].key);
  return Want::kAnswer;
}

QuestionPrompt::Want QuestionPrompt::MenuKey(std::string_view key) {
  if (key == kUp || key == "\x1bOA") {
    selected_ = (selected_ + Entries() - 1) % Entries();
    return Want::kRedraw;
  }
  if (key == kDown || key == "\x1bOB" || key == "\t") {
    selected_ = (selected_ + 1) % Entries();
    return Want::kRedraw;
  }
  if (key == "\r" || key == "\n") return Choose(selected_);
  if (key.size() != 1) return Want::kNothing;
  const char c = Lower(key[0]);
  for (std::size_t i = 0; i < question_.options.size(); ++i) {
    const std::string& accelerator = question_.options[i].key;
    if (accelerator.size() == 1 && Lower(accelerator[0]) == c) return Choose(i);
  }
  if (c >= '1' && c <= '9' && static_cast<std::size_t>(c - '1') < Entries()) {
    return Choose(static_cast<std::size_t>(c - '1'));
  }
  return c == 'd' ? Want::kDiff : Want::kNothing;
}

QuestionPrompt::Want QuestionPrompt::TextKey(std::string_view key) {
  if (key == kEscape) {
    typing_ = question_.options.empty();
    typed_.clear();
    return Want::kRedraw;
  }
  if (key == "\r" || key == "\n") {
    if (typed_.find_first_not_of(" \t") == std::string::npos) return Want::kNothing;
    answer_ = model::Json::MakeObject().Set("kind", "text").Set("text", typed_);
    return Want::kAnswer;
  }
  if (key == "\x7f" || key == "\b") {
    Backspace(typed_);
  } else if (key == "\x15") {  // Ctrl-U.
    typed_.clear();
  } else if (key.size() == 1 && static_cast<unsigned char>(key[0]) >= 0x20) {
    typed_ += key;
  } else {
    return Want::kNothing;
  }
  return Want::kRedraw;
}

std::vector<LiveLine> QuestionPrompt::Lines() const {
  std::vector<LiveLine> lines;
  lines.push_back({"? " + Inert(question_.text), "1;33"});
  if (typing_) {
    lines.push_back({"  > " + Inert(typed_) + "▏", ""});
    lines.push_back(
        {question_.options.empty() ? "  Enter answers" : "  Enter answers, Esc goes back", "2"});
    return lines;
  }
  for (std::size_t i = 0; i < Entries(); ++i) {
    const bool free = i >= question_.options.size();
    const std::string key = free ? std::to_string(i + 1) : question_.options[i].key;
    const std::string label = free ? "another answer…" : question_.options[i].label;
    const bool here = i == selected_;
    lines.push_back(
        {std::string(here ? "  ❯ " : "    ") + Inert(key) + "  " + Inert(label), here ? "1" : ""});
  }
  lines.push_back({"  ↑↓ and Enter, or a key above; d shows what the stage changed", "2"});
  return lines;
}

std::vector<std::string> NumberedLines(const workflow::Question& question) {
  std::vector<std::string> lines{"question " + question.id + ": " + Inert(question.text)};
  for (std::size_t i = 0; i < question.options.size(); ++i) {
    lines.push_back("  " + std::to_string(i + 1) + "  " + Inert(question.options[i].key) + "  " +
                    Inert(question.options[i].label));
  }
  if (question.allow_freeform) lines.emplace_back("  or any other text");
  return lines;
}

}  // namespace fabro::cli
