// Shells, whose text is read, and other interpreters, whose code is not looked at.
#include <algorithm>
#include <array>

#include "fabro/jail/command_policy/evaluator.h"

namespace fabro::jail::command_policy {
namespace {

constexpr std::array<std::string_view, 12> kShells = {
    "sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "rbash", "fish", "csh", "tcsh", "ksh93"};

struct Interpreter {
  std::string_view pattern;
  std::string_view code_letters;  // Short options that are code, or end the options.
};

// What runs code that it is given. With neither code nor a file it reads standard input.
constexpr std::array<std::string_view, 28> kInterpreters = {
    "python",    "python[23]*", "pypy*",  "perl",   "perl5*",  "ruby",      "ruby[0-9]*",
    "node",      "nodejs",      "deno",   "bun",    "php",     "php[0-9]*", "lua",
    "lua[0-9]*", "luajit",      "tclsh*", "expect", "Rscript", "guile",     "irb",
    "gdb",       "julia",       "ocaml",  "ghci",   "racket",  "pwsh",      "osascript"};

constexpr std::array<std::string_view, 5> kAwks = {"awk", "gawk", "mawk", "nawk", "original-awk"};
constexpr std::array<std::string_view, 8> kBuilders = {"make", "gmake", "ninja", "npm",
                                                       "yarn", "pnpm",  "npx",   "just"};

bool OnlyAsks(const std::vector<Value>& argv) {
  constexpr std::array<std::string_view, 6> kQuestions = {"--version", "-V",     "-v",
                                                          "-h",        "--help", "-VV"};
  return argv.size() == 2 && std::ranges::find(kQuestions, argv[1].text) != kQuestions.end();
}

}  // namespace

bool Evaluator::RunShell(const std::string& name, const Values& argv, Context& context) {
  if (std::ranges::find(kShells, name) == kShells.end()) return false;
  bool text = false;
  bool reads_stdin = false;  // -s: operands are parameters, not a script.
  std::size_t at = 1;
  for (; at < argv.size(); ++at) {
    const std::string& word = argv[at].text;
    if (word == "--" || word == "-") {
      ++at;
      break;
    }
    if (word.size() < 2 || (word[0] != '-' && word[0] != '+')) break;
    if (word.starts_with("--")) {
      if (word == "--rcfile" || word == "--init-file") ++at;
      if (word == "--command") text = true;
      if (word == "--version" || word == "--help") return true;
      continue;
    }
    text = text || (word[0] == '-' && word.find('c') != std::string::npos);
    reads_stdin = reads_stdin || (word[0] == '-' && word.find('s') != std::string::npos);
    if (word.find_first_of("oO") != std::string::npos) ++at;  // -o pipefail
  }
  Context below = Below(context, name + (text ? " -c" : ""));
  ShellState shell = *context.shell;
  shell.functions.clear();
  below.shell = &shell;
  if (text) {
    if (at >= argv.size()) return true;
    shell.positional = at + 2 < argv.size()
                           ? Values(argv.begin() + static_cast<std::ptrdiff_t>(at) + 2, argv.end())
                           : Values();
    shell.positional_known = true;
    if (at + 1 < argv.size()) {
      Value zero = argv[at + 1];
      zero.guessed = true;
      shell.variables.insert_or_assign("0", std::move(zero));
    }
    if (!argv[at].Known()) {
      Unclear(argv, context, "the shell's text is known at run time only");
      return true;
    }
    const bool posix = name == "sh" || name == "dash" || name == "ash";
    RunShellText(argv[at].text, argv, below, posix);
    return true;
  }
  const bool file =
      !reads_stdin && at < argv.size() && argv[at].text != "/dev/stdin" && argv[at].text != "-";
  if (file && argv[at].Known()) {
    Opaque(argv, context, "a script file is not looked at");
  } else if (file) {
    Unclear(argv, context, "which script runs is known at run time only");
  } else if (context.in.text) {
    RunShellText(*context.in.text, argv, below, name == "sh" || name == "dash" || name == "ash");
  } else {
    Unclear(argv, context, "the shell reads commands from its standard input");
  }
  return true;
}

bool Evaluator::RunInterpreter(const std::string& name, const Values& argv, Context& context) {
  const auto fits = [&](std::string_view pattern) { return Matches(pattern, name); };
  if (std::ranges::any_of(kInterpreters, fits)) {
    if (!OnlyAsks(argv)) Opaque(argv, context, "code of an interpreter is not looked at");
    return true;
  }
  if (std::ranges::find(kBuilders, name) != kBuilders.end()) {
    if (!OnlyAsks(argv)) Opaque(argv, context, "what a build file runs is not looked at");
    return true;
  }
  if (std::ranges::find(kAwks, name) != kAwks.end()) {
    for (const Value& arg : std::span(argv).subspan(1)) {
      const bool starts = arg.text.find("system") != std::string::npos ||
                          arg.text.find("getline") != std::string::npos ||
                          arg.text.find('|') != std::string::npos || arg.text.starts_with("-f");
      if (starts || arg.HasUnknown()) {
        Opaque(argv, context, "an awk program that can start commands is not looked at");
        break;
      }
    }
    return true;
  }
  return false;
}

}  // namespace fabro::jail::command_policy
