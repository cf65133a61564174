// Follows a command line as a shell would, as far as it can without running it: expands what is
// constant, unwraps what starts other commands, and notes every simple command that it meets.
// One request each; made and used by Judge.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/jail/command_policy/policy.h"
#include "fabro/jail/command_policy/shell.h"
#include "fabro/jail/command_policy/value.h"

namespace fabro::jail::command_policy {

// What a shell knows while it runs: copied for subshells.
struct ShellState {
  Dialect dialect = Dialect::kPosix;
  std::map<std::string, Value, std::less<>> variables;
  std::vector<Value> positional;  // $1 and on.
  bool positional_known = true;
  std::map<std::string, const Node*, std::less<>> functions;
  std::string cwd;  // Empty: not known.
};

// Where a command's standard input comes from.
struct Stdin {
  bool redirected = false;               // From a pipe or file; else the request's own.
  std::optional<std::string> text = {};  // When it is known.
};

class Evaluator {
 public:
  Evaluator(const model::CommandPolicy& policy, const ProgramResolver& resolver)
      : policy_(policy), resolver_(resolver) {}

  void Run(const Request& request);
  model::PolicyDecision Decide() &&;

 private:
  using Values = std::vector<Value>;
  // The circumstances of one command.
  struct Context {
    ShellState* shell = nullptr;
    std::string via;
    bool in_shell = false;  // Built-ins and functions exist.
    Stdin in;
    int depth = 0;
  };

  // evaluator.cc
  void RunArgv(const Values& argv, Context context);
  void RunNamed(const Values& argv, const std::string& given, Context& context);
  std::vector<std::string> NamesOf(const std::string& given, const Context& context) const;
  void CheckAllowList(const Values& argv, const std::vector<std::string>& names,
                      const Context& context);
  void CheckVariable(std::string_view name, const Context& context);
  void Note(const Values& argv, const Context& context, model::PolicyVerdict verdict,
            std::string rule, std::string why);
  void Unclear(const Values& argv, const Context& context, std::string why);
  void Opaque(const Values& argv, const Context& context, std::string why);
  static Context Below(const Context& context, std::string_view starter);

  // evaluate_shell.cc
  void RunShellText(std::string_view text, const Values& argv, Context context, bool any_dialect);
  void RunDialect(std::string_view text, Dialect dialect, const Values& argv, Context context);
  void RunNode(const Node& node, Context& context);
  void RunChildren(const Node& node, Context& context);
  void RunPipeline(const Node& node, Context& context);
  void RunSimple(const Node& node, Context& context);
  void RunFor(const Node& node, Context& context);
  void Assign(const Node& node, Context& context);
  Stdin InputOf(const Node& node, Context& context);
  void DefineFunction(const Node& node, Context& context);
  static std::optional<std::string> OutputOf(const Values& argv);

  // builtins.cc: true when the word was one and nothing is left to do.
  bool RunBuiltin(const Values& argv, Context& context);
  void RunCd(const Values& argv, Context& context);
  void RunDeclarations(const Values& argv, Context& context);
  void RunAliases(const Values& argv, Context& context);
  void CallFunction(const Node& body, const Values& argv, Context& context);

  // expand.cc
  Values Expand(const Word& word, Context& context);
  Value ExpandOne(const Word& word, Context& context);
  struct Fields;
  void ExpandPieces(const std::vector<Piece>& pieces, Fields& fields, Context& context);
  void ExpandParameter(const Piece& piece, Fields& fields, Context& context);
  void ExpandCommand(const Piece& piece, Fields& fields, Context& context);
  static std::optional<Value> Lookup(std::string_view name, const ShellState& shell);

  // launchers.cc: true when the program starts what its arguments say.
  bool RunLauncher(const std::string& name, const Values& argv, Context& context);
  bool RunSpecial(const std::string& name, const Values& argv, Context& context);
  void RunEnv(const Values& argv, Context& context);
  void RunXargs(const Values& argv, Context& context);
  void RunFind(const Values& argv, Context& context);
  void RunParallel(const Values& argv, Context& context);
  void RunTextOption(const Values& argv, Context& context, bool joins_operands);
  void RunLoader(const Values& argv, Context& context);
  void RunMultiCall(const Values& argv, Context& context);

  // interpreters.cc
  bool RunShell(const std::string& name, const Values& argv, Context& context);
  bool RunInterpreter(const std::string& name, const Values& argv, Context& context);

  const model::CommandPolicy& policy_;
  const ProgramResolver& resolver_;
  std::deque<Script> scripts_;  // Keeps the nodes that functions point at.
  model::PolicyDecision decision_;
  std::size_t steps_ = 0;
  std::size_t nodes_ = 0;
  std::size_t budget_ = 1024 * 1024;   // Bytes that expansions may still make.
  std::optional<std::string> output_;  // Of the node that ran last, when it is known.
};

}  // namespace fabro::jail::command_policy
