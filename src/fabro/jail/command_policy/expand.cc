// Expansions of words, as far as they are constant: POSIX.1-2017 XCU 2.6.
#include <algorithm>
#include <utility>

#include "fabro/jail/command_policy/evaluator.h"

namespace fabro::jail::command_policy {
namespace {

constexpr std::size_t kMostFields = 512;
constexpr std::size_t kLongestValue = 64 * 1024;

bool IsActive(char c) { return std::string_view("*?[]{,}~").find(c) != std::string_view::npos; }

}  // namespace

// The fields that a word becomes; unquoted blanks of an expansion begin a new one.
struct Evaluator::Fields {
  explicit Fields(std::size_t& bytes) : budget(bytes) {}
  std::size_t& budget;  // Of the whole request.
  Values done;
  Value current;
  bool begun = false;  // `current` is a field even when it is empty.

  // What stands in the text itself is as long as the text; only expansions have a budget.
  void AddText(const Value& value) {
    begun = true;
    current.Append(value);
  }
  void Add(const Value& value) {
    begun = true;
    const bool fits = value.text.size() <= budget && current.text.size() < kLongestValue;
    if (fits) {
      budget -= value.text.size();
      current.Append(value);
    } else if (!current.marks.ends_with(Value::kHole)) {
      current.Append(Value::Unknown());
    }
  }
  void Break() {
    if (begun && done.size() < kMostFields) done.push_back(std::exchange(current, {}));
    begun = false;
  }
  void AddSplit(const Value& value) {
    for (std::size_t i = 0; i < value.text.size() && budget > 0; ++i) {
      const char c = value.text[i];
      if ((c == ' ' || c == '\t' || c == '\n') && value.marks[i] == Value::kLiteral) {
        Break();
        continue;
      }
      Value one;
      // Patterns count in what an unquoted expansion gives.
      const bool active = c == '*' || c == '?' || c == '[' || c == ']';
      one.Append(std::string_view(&value.text[i], 1),
                 value.marks[i] == Value::kLiteral && active ? Value::kActive : value.marks[i]);
      one.guessed = value.guessed;
      Add(one);
    }
  }
};

std::optional<Value> Evaluator::Lookup(std::string_view name, const ShellState& shell) {
  if (const auto found = shell.variables.find(name); found != shell.variables.end()) {
    return found->second;
  }
  if (name == "IFS") {
    Value blanks = Value::Of(" \t\n");
    blanks.guessed = true;
    return blanks;
  }
  if (name == "PWD" && !shell.cwd.empty()) {
    Value cwd = Value::Of(shell.cwd);
    cwd.guessed = true;
    return cwd;
  }
  const bool digits = !name.empty() && name.size() < 4 &&
                      std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || name == "0" || !shell.positional_known) return std::nullopt;
  const auto index = static_cast<std::size_t>(std::stoul(std::string(name)));
  Value value = index <= shell.positional.size() ? shell.positional[index - 1] : Value{};
  value.guessed = true;
  return value;
}

void Evaluator::ExpandParameter(const Piece& piece, Fields& fields, Context& context) {
  const ShellState& shell = *context.shell;
  if ((piece.text == "@" || piece.text == "*") && piece.op == 0 && shell.positional_known) {
    for (std::size_t i = 0; i < shell.positional.size(); ++i) {
      if (i > 0) fields.Break();
      Value value = shell.positional[i];
      value.guessed = true;
      if (piece.quoted) {
        fields.Add(value);
      } else {
        fields.AddSplit(value);
      }
    }
    return;
  }
  std::optional<Value> value = piece.op == '!' ? std::nullopt : Lookup(piece.text, shell);
  const bool set = value && !value->text.empty();
  const bool fills = (piece.op == '-' || piece.op == '=') && !set;
  if (fills || piece.op == '+') {
    // ${x:-word}: the word, which may be what runs.
    Fields inner(budget_);
    ExpandPieces(piece.word, inner, context);
    inner.Break();
    Value joined;
    for (std::size_t i = 0; i < inner.done.size(); ++i) {
      if (i > 0) joined.Append(" ");
      joined.Append(inner.done[i]);
    }
    value = std::move(joined);
    value->guessed = true;
  } else if (piece.op == '!') {
    Fields ignored(budget_);  // For the commands in ${x#$(…)}.
    ExpandPieces(piece.word, ignored, context);
  }
  if (!value) value = Value::Unknown();
  if (piece.quoted) {
    fields.Add(*value);
  } else {
    fields.AddSplit(*value);
  }
}

void Evaluator::ExpandCommand(const Piece& piece, Fields& fields, Context& context) {
  ShellState copy = *context.shell;  // A subshell: what it sets is gone afterwards.
  Context inner = context;
  inner.shell = &copy;
  inner.via += inner.via.empty() ? "$(…)" : " > $(…)";
  inner.in_shell = true;
  ++inner.depth;
  for (const Node& node : piece.script) RunNode(node, inner);
  std::optional<std::string> output = std::exchange(output_, std::nullopt);
  if (!output || piece.script.size() != 1 || piece.kind != Piece::Kind::kCommand) {
    fields.Add(Value::Unknown());
    return;
  }
  while (output->ends_with('\n')) output->pop_back();
  Value value = Value::Of(*output);
  value.guessed = true;
  if (piece.quoted) {
    fields.Add(value);
  } else {
    fields.AddSplit(value);
  }
}

void Evaluator::ExpandPieces(const std::vector<Piece>& pieces, Fields& fields, Context& context) {
  for (const Piece& piece : pieces) {
    switch (piece.kind) {
      case Piece::Kind::kText: {
        Value value;
        for (const char c : piece.text) {
          const bool active = !piece.quoted && IsActive(c);
          value.Append(std::string_view(&c, 1), active ? Value::kActive : Value::kLiteral);
        }
        fields.AddText(value);
        break;
      }
      case Piece::Kind::kParameter:
        ExpandParameter(piece, fields, context);
        break;
      case Piece::Kind::kCommand:
      case Piece::Kind::kProcess:
        ExpandCommand(piece, fields, context);
        break;
      case Piece::Kind::kUnknown: {
        Fields ignored(budget_);
        ExpandPieces(piece.word, ignored, context);
        fields.Add(Value::Unknown());
        break;
      }
    }
  }
}

Evaluator::Values Evaluator::Expand(const Word& word, Context& context) {
  Fields fields(budget_);
  ExpandPieces(word.pieces, fields, context);
  fields.Break();
  Values values;
  for (Value& value : fields.done) {
    // ~ and ~/…: the home directory; ~user is not known.
    if (value.text.starts_with('~') && value.marks.front() == Value::kActive) {
      const bool own = value.text.size() == 1 || value.text[1] == '/';
      Value home = (own ? Lookup("HOME", *context.shell) : std::nullopt).value_or(Value::Unknown());
      value.text.erase(0, 1);
      value.marks.erase(0, 1);
      home.Append(value);
      value = std::move(home);
    }
    if (context.shell->dialect != Dialect::kBash) {
      values.push_back(std::move(value));
      continue;
    }
    for (Value& one : ExpandBraces(value)) values.push_back(std::move(one));
  }
  return values;
}

Value Evaluator::ExpandOne(const Word& word, Context& context) {
  Value joined;
  for (const Value& value : Expand(word, context)) {
    if (!joined.text.empty()) joined.Append(" ");
    joined.Append(value);
  }
  return joined;
}

}  // namespace fabro::jail::command_policy
