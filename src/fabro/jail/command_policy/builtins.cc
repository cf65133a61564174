// The shell's own commands that change what later words mean, or run text.
#include <algorithm>
#include <array>
#include <utility>

#include "fabro/jail/command_policy/evaluator.h"
#include "fabro/jail/command_policy/removal.h"

namespace fabro::jail::command_policy {
namespace {

// Harmless by themselves; none of them is a program that a list must name.
constexpr std::array<std::string_view, 43> kPlain = {
    ":",        "[",       "bg",     "bind",  "break",  "caller",    "compgen", "complete",
    "continue", "dirs",    "disown", "echo",  "enable", "exit",      "false",   "fc",
    "fg",       "getopts", "hash",   "help",  "jobs",   "kill",      "let",     "logout",
    "mapfile",  "popd",    "printf", "pushd", "pwd",    "readarray", "return",  "shift",
    "shopt",    "suspend", "test",   "times", "true",   "type",      "ulimit",  "umask",
    "unalias",  "wait",    "history"};

std::string JoinTexts(const std::vector<Value>& argv, std::size_t from, bool& known) {
  std::string text;
  for (std::size_t i = from; i < argv.size(); ++i) {
    known = known && argv[i].Known();
    text += (i > from ? " " : "") + argv[i].text;
  }
  return text;
}

}  // namespace

bool Evaluator::RunBuiltin(const Values& argv, Context& context) {
  const std::string& name = argv.front().text;
  if (const auto found = context.shell->functions.find(name);
      found != context.shell->functions.end()) {
    CallFunction(*found->second, argv, context);
    return true;
  }
  const auto note = [&] { Note(argv, context, model::PolicyVerdict::kAllow, "", ""); };
  const Values rest(argv.begin() + 1, argv.end());
  bool known = true;
  if (name == "eval") {
    note();
    const std::string text = JoinTexts(argv, 1, known);
    Context below = Below(context, "eval");
    if (known) {
      RunShellText(text, argv, below, context.shell->dialect == Dialect::kPosix);
    } else {
      Unclear(argv, context, "eval runs text that is known at run time only");
    }
    return true;
  }
  if (name == "." || name == "source") {
    Unclear(argv, context, "the file that is sourced is known at run time only");
    return true;
  }
  // `time` with options is the program: dash has no word of its own for it.
  const bool timed = name == "time" && argv.size() > 1 && !argv[1].text.starts_with('-');
  if (name == "exec" || name == "command" || name == "builtin" || timed || name == "coproc") {
    note();
    std::size_t at = 1;
    bool only_asks = false;  // command -v NAME
    while (at < argv.size() && argv[at].text.starts_with('-')) {
      const std::string& flag = argv[at].text;
      only_asks = only_asks || (name == "command" && flag.find_first_of("vV") != std::string::npos);
      ++at;
      if (name == "exec" && flag.ends_with('a')) ++at;  // exec -a NAME
      if (flag == "--") break;
    }
    if (only_asks || at >= argv.size()) return true;
    Context below = Below(context, name);
    below.in_shell = name != "exec";
    if (name == "command") below.shell->functions.erase(argv[at].text);
    RunArgv(Values(argv.begin() + static_cast<std::ptrdiff_t>(at), argv.end()), below);
    return true;
  }
  if (name == "trap") {
    note();
    if (argv.size() > 2 && argv[1].Known()) {
      RunShellText(argv[1].text, argv, Below(context, "trap"), false);
    } else if (argv.size() > 2) {
      Unclear(argv, context, "what the trap runs is known at run time only");
    }
    return true;
  }
  if (name == "alias") {
    note();
    RunAliases(rest, context);
    return true;
  }
  if (name == "cd" || name == "chdir" || name == "pushd") {
    note();
    RunCd(argv, context);
    return true;
  }
  if (name == "set") {
    note();
    const auto dashes = std::ranges::find(argv, std::string("--"), &Value::text);
    if (dashes != argv.end()) context.shell->positional.assign(dashes + 1, argv.end());
    return true;
  }
  if (name == "shift") context.shell->positional_known = false;
  constexpr std::array<std::string_view, 7> kDeclare = {"export", "readonly", "declare", "typeset",
                                                        "local",  "read",     "unset"};
  if (std::ranges::find(kDeclare, name) != kDeclare.end()) {
    note();
    RunDeclarations(argv, context);
    return true;
  }
  if (std::ranges::find(kPlain, name) == kPlain.end()) return false;
  note();
  return true;
}

void Evaluator::RunCd(const Values& argv, Context& context) {
  std::size_t at = 1;
  while (at < argv.size() && argv[at].text.size() > 1 && argv[at].text[0] == '-') ++at;
  std::string& cwd = context.shell->cwd;
  if (at >= argv.size()) {
    const auto home = Lookup("HOME", *context.shell);
    cwd = home && home->Known() ? NormalPath(home->text, cwd) : std::string();
  } else if (argv[at].HasUnknown() || argv[at].HasGlob() || argv[at].text == "-") {
    cwd.clear();
  } else {
    cwd = NormalPath(argv[at].text, cwd);
  }
}

// export X=…, local X, read X, unset X.
void Evaluator::RunDeclarations(const Values& argv, Context& context) {
  const bool forgets = argv.front().text == "read" || argv.front().text == "unset";
  for (const Value& arg : std::span(argv).subspan(1)) {
    if (arg.text.starts_with('-')) continue;
    const std::size_t equals = arg.text.find('=');
    const std::string name = arg.text.substr(0, equals);
    if (forgets) {
      Value unknown = Value::Unknown();
      unknown.guessed = true;
      context.shell->variables.insert_or_assign(name, std::move(unknown));
      continue;
    }
    CheckVariable(name, context);
    if (equals == std::string::npos) continue;
    Value value;
    value.text = arg.text.substr(equals + 1);
    value.marks = arg.marks.substr(equals + 1);
    value.guessed = true;
    context.shell->variables.insert_or_assign(name, std::move(value));
  }
}

void Evaluator::RunAliases(const Values& argv, Context& context) {
  for (const Value& arg : argv) {
    const std::size_t equals = arg.text.find('=');
    if (equals == std::string::npos) continue;
    if (arg.HasUnknown()) {
      Unclear({Value::Of("alias"), arg}, context, "what the alias runs is known at run time only");
      continue;
    }
    RunShellText(arg.text.substr(equals + 1), {arg}, Below(context, "alias"), false);
  }
}

void Evaluator::CallFunction(const Node& body, const Values& argv, Context& context) {
  Context below = Below(context, argv.front().text + "()");
  below.in_shell = true;
  if (below.depth > kDeepestNesting / 8) return;  // A function that calls itself was read once.
  std::vector<Value> saved =
      std::exchange(context.shell->positional, std::vector<Value>(argv.begin() + 1, argv.end()));
  const bool known = std::exchange(context.shell->positional_known, true);
  RunNode(body, below);
  context.shell->positional = std::move(saved);
  context.shell->positional_known = known;
}

}  // namespace fabro::jail::command_policy
