#include "apps/faber/command_policy.h"

#include "fabro/jail/command_policy/policy.h"
#include "fabro/jail/command_policy/root_resolver.h"

namespace fabro::faber {
namespace {

using model::PolicyVerdict;

Error Bad(std::string_view option, const std::string& value, std::string fix) {
  return Failure(Code::kInvalidArgument,
                 std::string(option) + " '" + value + "': there is no such word", "bad_option",
                 std::move(fix));
}

// As one would type it, near enough to be read.
std::string Quoted(const std::string& word) {
  if (!word.empty() && word.find_first_of(" \t\n'\"\\") == std::string::npos) return word;
  std::string out = "'";
  for (const char c : word) {
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string LineOf(const model::PolicyCommand& command) {
  constexpr std::size_t kVerdict = 15;
  std::string line(model::ToString(command.verdict));
  line.resize(kVerdict, ' ');
  for (const std::string& word : command.words) line += Quoted(word) + " ";
  if (!command.via.empty()) line += " (via " + command.via + ")";
  if (command.verdict != PolicyVerdict::kAllow) {
    line += "\n" + std::string(kVerdict, ' ') + "  ";
    if (!command.rule.empty()) line += command.rule + ": ";
    line += command.why;
  }
  return line + "\n";
}

}  // namespace

Result<model::CommandPolicy> ReadCommandPolicy(const Invocation& invocation,
                                               model::CommandPolicy base) {
  if (const std::string* word = invocation.Find("--command-policy")) {
    const auto mode = model::ParsePolicyMode(*word);
    if (!mode) return Bad("--command-policy", *word, "give off, audit, block or allow");
    base.mode = *mode;
  }
  if (const std::string* word = invocation.Find("--preset")) {
    const auto preset = model::ParsePolicyPreset(*word);
    if (!preset) return Bad("--preset", *word, "give seed or precise");
    base.preset = *preset;
  }
  if (const std::string* word = invocation.Find("--on-indeterminate")) {
    const auto action = model::ParseOnIndeterminate(*word);
    if (!action) return Bad("--on-indeterminate", *word, "give allow, audit or deny");
    base.on_indeterminate = *action;
  }
  TRY(jail::command_policy::CheckPolicy(base));
  return base;
}

model::PolicyDecision JudgeCommand(const model::RunRequest& request,
                                   const model::CommandPolicy& policy) {
  if (policy.mode == model::PolicyMode::kOff) return {};
  jail::command_policy::Request line;
  line.argv = request.exec.argv;
  line.env = request.exec.env;
  line.cwd = request.exec.cwd.value().empty() ? request.sandbox.workspace.target.value()
                                              : request.exec.cwd.value();
  return Judge(line, policy, jail::command_policy::RootResolver(request.sandbox));
}

std::string DecisionText(const model::PolicyDecision& decision) {
  std::string text = "verdict: " + std::string(model::ToString(decision.verdict));
  if (!decision.rule.empty()) text += ", rule " + decision.rule;
  text += "\n";
  if (!decision.why.empty()) text += "because: " + decision.why + "\n";
  text += "mode " + std::string(model::ToString(decision.mode)) + ": faber run ";
  text += decision.refused ? "refuses it, exit status 125" : "starts it";
  if (decision.audit && !decision.refused) text += ", and reports it";
  text += "\nThis is a guardrail, not a boundary: the sandbox is what contains a command.\n\n";
  for (const model::PolicyCommand& command : decision.commands) text += LineOf(command);
  if (decision.commands_dropped > 0) {
    text += "and " + std::to_string(decision.commands_dropped) + " more\n";
  }
  return text;
}

}  // namespace fabro::faber
