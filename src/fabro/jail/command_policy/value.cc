#include "fabro/jail/command_policy/value.h"

#include <fnmatch.h>

#include <algorithm>

namespace fabro::jail::command_policy {
namespace {

constexpr std::size_t kMostAlternatives = 64;

Value Slice(const Value& value, std::size_t from, std::size_t count) {
  Value part;
  part.text = value.text.substr(from, count);
  part.marks = value.marks.substr(from, count);
  part.guessed = value.guessed;
  return part;
}

bool Active(const Value& value, std::size_t at, char c) {
  return value.marks[at] == Value::kActive && value.text[at] == c;
}

struct Braces {
  std::size_t open = 0;
  std::size_t close = 0;
  std::vector<std::size_t> commas = {};
};

// The first {…} with a comma or ".." in it at its own depth.
bool FindBraces(const Value& value, std::size_t from, Braces& found, bool& sequence) {
  for (std::size_t open = from; open < value.text.size(); ++open) {
    if (!Active(value, open, '{')) continue;
    int depth = 0;
    Braces braces{.open = open};
    for (std::size_t i = open; i < value.text.size(); ++i) {
      if (Active(value, i, '{')) ++depth;
      if (depth == 1 && Active(value, i, ',')) braces.commas.push_back(i);
      if (!Active(value, i, '}') || --depth > 0) continue;
      braces.close = i;
      break;
    }
    if (braces.close == 0) continue;
    const std::string_view inside(value.text.data() + open, braces.close - open);
    sequence = braces.commas.empty() && inside.find("..") != std::string_view::npos;
    if (braces.commas.empty() && !sequence) continue;
    found = std::move(braces);
    return true;
  }
  return false;
}

}  // namespace

Value Value::Of(std::string_view text) {
  Value value;
  value.Append(text);
  return value;
}

Value Value::Unknown() {
  Value value;
  value.Append(std::string_view(&kUnknown, 1), kHole);
  return value;
}

void Value::Append(std::string_view literal, char mark) {
  text += literal;
  marks.append(literal.size(), mark);
}

void Value::Append(const Value& other) {
  text += other.text;
  marks += other.marks;
  guessed = guessed || other.guessed;
}

bool Value::HasGlob() const {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (marks[i] != kActive) continue;
    if (text[i] == '*' || text[i] == '?') return true;
    // "[" alone is a command.
    const std::size_t close = text[i] == '[' ? text.find(']', i + 2) : std::string::npos;
    if (close != std::string::npos && marks[close] == kActive) return true;
  }
  return false;
}

std::string Value::Shown() const {
  std::string shown;
  for (std::size_t i = 0; i < text.size(); ++i) {
    shown += marks[i] == kHole ? std::string("…") : std::string(1, text[i]);
  }
  return shown;
}

std::vector<Value> ExpandBraces(const Value& value) {
  std::vector<Value> done;
  std::vector<Value> open{value};
  while (!open.empty()) {
    const Value one = std::move(open.back());
    open.pop_back();
    Braces braces;
    bool sequence = false;
    const bool full = done.size() + open.size() >= kMostAlternatives;
    if (full || !FindBraces(one, 0, braces, sequence)) {
      done.push_back(one);
      continue;
    }
    const Value tail = Slice(one, braces.close + 1, std::string::npos);
    if (sequence) {
      Value next = Slice(one, 0, braces.open);
      next.Append(Value::Unknown());
      next.Append(tail);
      open.push_back(std::move(next));
      continue;
    }
    // Last first, since the next one is taken from the back.
    std::vector<std::size_t> ends = braces.commas;
    ends.push_back(braces.close);
    for (std::size_t i = ends.size(); i-- > 0;) {
      const std::size_t begin = (i == 0 ? braces.open : ends[i - 1]) + 1;
      Value next = Slice(one, 0, braces.open);
      next.Append(Slice(one, begin, ends[i] - begin));
      next.Append(tail);
      open.push_back(std::move(next));
    }
  }
  return done;
}

std::string_view BaseName(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool Matches(std::string_view pattern, std::string_view text) {
  return ::fnmatch(std::string(pattern).c_str(), std::string(text).c_str(), 0) == 0;
}

}  // namespace fabro::jail::command_policy
