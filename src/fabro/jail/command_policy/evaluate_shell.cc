// Shell text: each command of it in the order in which it would run, every branch taken.
#include <algorithm>
#include <utility>

#include "fabro/jail/command_policy/evaluator.h"

namespace fabro::jail::command_policy {
namespace {

constexpr std::size_t kMostTurns = 16;  // Of a for loop over constants.
constexpr std::size_t kMostNodes = 20'000;

// Calls of `name` in a function body, and whether one runs in the background.
struct SelfCalls {
  std::size_t count = 0;
  bool piped = false;
  bool background = false;
};

void CountSelfCalls(const Node& node, const std::string& name, bool background, bool piped,
                    SelfCalls& calls) {
  background = background || node.background;
  piped = piped || node.kind == Node::Kind::kPipeline;
  if (node.kind == Node::Kind::kSimple && !node.words.empty()) {
    const Word& head = node.words.front();
    const bool same = head.pieces.size() == 1 && head.pieces[0].kind == Piece::Kind::kText &&
                      head.pieces[0].text == name;
    if (same) {
      ++calls.count;
      calls.piped = calls.piped || piped;
      calls.background = calls.background || background;
    }
  }
  for (const Node& child : node.children) CountSelfCalls(child, name, background, piped, calls);
}

// The escapes of printf(1) and echo -e: \n, \t, \\, \NNN and \xNN.
std::string Unescaped(std::string_view text) {
  const auto number = [&](std::size_t& at, unsigned base, std::size_t most) {
    unsigned value = 0;
    for (std::size_t i = 0; i < most && at < text.size(); ++i, ++at) {
      const char c = text[at];
      const unsigned digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                             : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a') + 10
                             : c >= 'A' && c <= 'F' ? static_cast<unsigned>(c - 'A') + 10
                                                    : base;
      if (digit >= base) break;
      value = value * base + digit;
    }
    return static_cast<char>(value);
  };
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at++];
    if (c != '\\' || at == text.size()) {
      out += c;
      continue;
    }
    const char next = text[at];
    if (next >= '0' && next <= '7') {
      out += number(at, 8, next == '0' ? 4 : 3);
      continue;
    }
    ++at;
    if (next == 'x') {
      out += number(at, 16, 2);
    } else if (next == 'n') {
      out += '\n';
    } else if (next == 't') {
      out += '\t';
    } else {
      if (next != '\\') out += c;
      out += next;
    }
  }
  return out;
}

}  // namespace

// Which shell `sh` is depends on the root, so its text is read in both ways and the heavier verdict
// counts.
void Evaluator::RunShellText(std::string_view text, const Values& argv, Context context,
                             bool any_dialect) {
  if (any_dialect) RunDialect(text, Dialect::kPosix, argv, context);
  RunDialect(text, Dialect::kBash, argv, std::move(context));
}

void Evaluator::RunDialect(std::string_view text, Dialect dialect, const Values& argv,
                           Context context) {
  const Script& script = scripts_.emplace_back(ParseShell(text, dialect));
  ShellState shell = *context.shell;
  shell.dialect = dialect;
  context.shell = &shell;
  context.in_shell = true;
  for (const Node& node : script.commands) RunNode(node, context);
  if (script.error && dialect == Dialect::kBash) {
    Unclear(argv, context, "the shell text cannot be parsed: " + script.error->message);
  }
}

void Evaluator::RunNode(const Node& node, Context& context) {
  output_.reset();
  if (++nodes_ > kMostNodes) {
    if (nodes_ == kMostNodes + 1) {
      Unclear({Value::Of("…")}, context, "too long or too deeply nested to be read");
    }
    return;
  }
  switch (node.kind) {
    case Node::Kind::kSimple:
      RunSimple(node, context);
      return;
    case Node::Kind::kPipeline:
      RunPipeline(node, context);
      return;
    case Node::Kind::kFunction:
      DefineFunction(node, context);
      return;
    case Node::Kind::kFor:
      RunFor(node, context);
      return;
    case Node::Kind::kSubshell: {
      ShellState copy = *context.shell;
      Context inner = context;
      inner.shell = &copy;
      RunChildren(node, inner);
      return;
    }
    case Node::Kind::kList:
    case Node::Kind::kCase:
    case Node::Kind::kTest:
      for (const Word& word : node.words) (void)ExpandOne(word, context);
      RunChildren(node, context);
      return;
  }
}

// The children of a compound command read from its redirections.
void Evaluator::RunChildren(const Node& node, Context& context) {
  const Stdin outer = context.in;
  context.in = InputOf(node, context);
  for (const Node& child : node.children) RunNode(child, context);
  context.in = outer;
  if (node.children.size() != 1) output_.reset();
}

void Evaluator::RunPipeline(const Node& node, Context& context) {
  Stdin in = context.in;
  for (const Node& stage : node.children) {
    ShellState copy = *context.shell;
    Context inner = context;
    inner.shell = &copy;
    inner.in = in;
    RunNode(stage, inner);
    in = Stdin{.redirected = true, .text = std::exchange(output_, std::nullopt)};
  }
}

// What `echo` and `printf` of constants write; nullopt: not known.
std::optional<std::string> Evaluator::OutputOf(const Values& argv) {
  if (argv.empty() || std::ranges::any_of(argv, &Value::HasUnknown)) return std::nullopt;
  const std::string& name = argv.front().text;
  std::size_t first = 1;
  if (name == "printf") {
    if (argv.size() > 1 && argv[1].text == "--") ++first;
    if (argv.size() <= first) return std::nullopt;
    const std::string format = Unescaped(argv[first].text);
    if (argv.size() == first + 1) {
      return format.find('%') == std::string::npos ? std::optional(format) : std::nullopt;
    }
    // One %s or %b with text around it, used for each argument.
    const std::size_t at = format.find('%');
    const bool simple = at != std::string::npos && at + 1 < format.size() &&
                        (format[at + 1] == 's' || format[at + 1] == 'b') &&
                        format.find('%', at + 1) == std::string::npos;
    if (!simple) return std::nullopt;
    std::string text;
    for (std::size_t i = first + 1; i < argv.size(); ++i) {
      text += format.substr(0, at) + Unescaped(argv[i].text) + format.substr(at + 2);
    }
    return text;
  } else if (name == "echo") {
    // dash reads escapes without being asked, bash with -e.
    for (; first < argv.size() && argv[first].text.size() > 1 && argv[first].text[0] == '-' &&
           argv[first].text.find_first_not_of("-neE") == std::string::npos;
         ++first) {
    }
    std::string text;
    for (std::size_t i = first; i < argv.size(); ++i) {
      if (i > first) text += ' ';
      text += Unescaped(argv[i].text);
    }
    return text + "\n";
  }
  return std::nullopt;
}

Stdin Evaluator::InputOf(const Node& node, Context& context) {
  Stdin in = context.in;
  for (const Redirect& redirect : node.redirects) {
    const Value target = ExpandOne(redirect.target, context);
    if (redirect.op == "<<" || redirect.op == "<<-") {
      const Value body = ExpandOne(*redirect.here_doc, context);
      in = {.redirected = true};
      if (body.Known()) in.text = body.text;
    } else if (redirect.op == "<<<") {
      in = {.redirected = true};
      if (target.Known()) in.text = target.text;
    } else if (redirect.op.starts_with('<')) {
      in = {.redirected = true};
    }
  }
  return in;
}

void Evaluator::Assign(const Node& node, Context& context) {
  for (const Assignment& assignment : node.assignments) {
    Value value = ExpandOne(assignment.value, context);
    value.guessed = true;
    CheckVariable(assignment.name, context);
    context.shell->variables.insert_or_assign(assignment.name, std::move(value));
  }
}

void Evaluator::RunSimple(const Node& node, Context& context) {
  Values argv;
  for (const Word& word : node.words) {
    for (Value& value : Expand(word, context)) argv.push_back(std::move(value));
  }
  Context inner = context;
  inner.in = InputOf(node, context);
  if (argv.empty()) {
    Assign(node, context);
    return;
  }
  // X=rm before a command is for its environment alone: `X=/ rm -rf $X` sees the old X. It is
  // taken to stay, which only adds to what is known.
  Assign(node, context);
  RunArgv(argv, inner);
  output_ = OutputOf(argv);
}

void Evaluator::RunFor(const Node& node, Context& context) {
  Values values;
  for (const Word& word : node.words) {
    for (Value& value : Expand(word, context)) values.push_back(std::move(value));
  }
  if (values.size() > kMostTurns) {
    values.resize(kMostTurns);
    values.push_back(Value::Unknown());
  }
  if (values.empty()) values.push_back(Value::Unknown());
  for (Value& value : values) {
    // A pattern stands for the names that it will match.
    if (value.HasGlob()) value = Value::Unknown();
    value.guessed = true;
    if (!node.name.empty()) context.shell->variables.insert_or_assign(node.name, value);
    RunChildren(node, context);
  }
}

void Evaluator::DefineFunction(const Node& node, Context& context) {
  SelfCalls calls;
  for (const Node& child : node.children) {
    CountSelfCalls(child, node.name, false, false, calls);
  }
  if (calls.count >= 2 && calls.background) {
    Note({Value::Of(node.name + "()")}, context, model::PolicyVerdict::kBlock, "fork-bomb",
         "the function starts itself twice, in the background");
  }
  if (!node.children.empty()) {
    context.shell->functions.insert_or_assign(node.name, &node.children.front());
  }
}

}  // namespace fabro::jail::command_policy
