#include "fabro/jail/command_policy/operands.h"

#include <algorithm>

namespace fabro::jail::command_policy {

bool Among(std::string_view names, std::string_view name) {
  while (!names.empty()) {
    const std::size_t end = std::min(names.find(' '), names.size());
    if (names.substr(0, end) == name) return true;
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return false;
}

bool IsAssignment(std::string_view word) {
  const std::size_t equals = word.find('=');
  return equals != std::string_view::npos && equals > 0 && word.find('/') > equals &&
         word.front() != '-';
}

std::size_t BehindOption(const std::vector<Value>& argv, std::size_t at,
                         std::string_view short_values, std::string_view long_values) {
  const std::string_view word = argv[at].text;
  if (word.starts_with("--")) {
    const bool apart =
        word.find('=') == std::string_view::npos && Among(long_values, word.substr(2));
    return at + (apart ? 2 : 1);
  }
  for (std::size_t i = 1; i < word.size(); ++i) {
    if (short_values.find(word[i]) == std::string_view::npos) continue;
    return at + (i + 1 == word.size() ? 2 : 1);
  }
  return at + 1;
}

std::size_t FirstOperand(const std::vector<Value>& argv, std::size_t at,
                         std::string_view short_values, std::string_view long_values) {
  while (at < argv.size()) {
    const std::string_view word = argv[at].text;
    if (word == "--") return at + 1;
    if (word.size() < 2 || word.front() != '-') return at;
    at = BehindOption(argv, at, short_values, long_values);
  }
  return argv.size();
}

std::vector<Value> From(const std::vector<Value>& argv, std::size_t at) {
  if (at >= argv.size()) return {};
  return {argv.begin() + static_cast<std::ptrdiff_t>(at), argv.end()};
}

Value Replaced(const Value& value, std::string_view mark, const Value& filler) {
  Value result;
  result.guessed = value.guessed;
  std::size_t begin = 0;
  for (;;) {
    const std::size_t at = value.text.find(mark, begin);
    Value part;
    part.text = value.text.substr(begin, at - begin);
    part.marks = value.marks.substr(begin, at - begin);
    result.Append(part);
    if (at == std::string::npos) return result;
    result.Append(filler);
    begin = at + mark.size();
  }
}

std::string Joined(const std::vector<Value>& values, bool& known) {
  std::string text;
  for (const Value& value : values) {
    known = known && value.Known();
    text += (text.empty() ? "" : " ") + value.text;
  }
  return text;
}

}  // namespace fabro::jail::command_policy
