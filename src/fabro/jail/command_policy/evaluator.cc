#include "fabro/jail/command_policy/evaluator.h"

#include <algorithm>
#include <array>
#include <utility>

#include "fabro/jail/command_policy/removal.h"
#include "fabro/jail/command_policy/rules.h"

namespace fabro::jail::command_policy {
namespace {

using model::PolicyCommand;
using model::PolicyVerdict;

// Bounds on what one request can make us do; past them the verdict is indeterminate.
constexpr std::size_t kMostSteps = 4000;
constexpr std::size_t kMostCommands = 64;  // Kept for the report.
constexpr std::size_t kMostWords = 64;     // Of a command in the report.
constexpr int kDeepestLaunch = 16;

constexpr std::array<std::string_view, 21> kSeedAllowed = {
    "ls",  "cat", "grep", "sed", "awk",   "gawk", "mawk",  "python", "python3", "python3.*", "node",
    "gcc", "g++", "cc",   "c++", "rustc", "make", "cmake", "cargo",  "ninja",   "apt"};
constexpr std::array<std::string_view, 5> kSeedPackages = {"apt-get", "yum", "pip", "pip3", "npm"};

// GNU coreutils without chroot and dd, which rules are about.
constexpr std::string_view kCoreutils =
    "[ arch b2sum base32 base64 basename basenc cat chcon chgrp chmod chown cksum comm cp csplit "
    "cut "
    "date df dir dircolors dirname du echo env expand expr factor false fmt fold groups head "
    "hostid "
    "hostname id install join link ln logname ls md5sum mkdir mkfifo mknod mktemp mv nice nl nohup "
    "nproc numfmt od paste pathchk pinky pr printenv printf ptx pwd readlink realpath rm rmdir "
    "runcon "
    "seq sha1sum sha224sum sha256sum sha384sum sha512sum shred shuf sleep sort split stat stdbuf "
    "stty "
    "sum sync tac tail tee test timeout touch tr true truncate tsort tty uname unexpand uniq "
    "unlink "
    "uptime users vdir wc who whoami yes";

bool Listed(const std::vector<std::string>& allowed, std::string_view name) {
  for (const std::string& entry : allowed) {
    if (!entry.starts_with('@')) {
      if (Matches(entry, name)) return true;
      continue;
    }
    const auto group = AllowGroup(entry);
    if (std::ranges::any_of(group, [&](auto one) { return Matches(one, name); })) return true;
  }
  return false;
}

std::vector<std::string> Shown(const std::vector<Value>& argv) {
  std::vector<std::string> words;
  for (const Value& value : argv) {
    if (words.size() == kMostWords) {
      words.emplace_back("…");
      break;
    }
    words.push_back(value.Shown());
  }
  return words;
}

}  // namespace

std::vector<std::string_view> AllowGroup(std::string_view group) {
  std::vector<std::string_view> names;
  if (group == "@seed") {
    names.assign(kSeedAllowed.begin(), kSeedAllowed.end());
    names.insert(names.end(), kSeedPackages.begin(), kSeedPackages.end());
  } else if (group == "@coreutils") {
    for (std::string_view rest = kCoreutils; !rest.empty();) {
      const std::size_t end = std::min(rest.find(' '), rest.size());
      names.push_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return names;
}

void Evaluator::Note(const Values& argv, const Context& context, PolicyVerdict verdict,
                     std::string rule, std::string why) {
  if (verdict > decision_.verdict) {
    decision_.verdict = verdict;
    decision_.rule = rule;
    decision_.why = why;
  }
  PolicyCommand command{.words = Shown(argv), .via = context.via, .verdict = verdict};
  command.rule = std::move(rule);
  command.why = std::move(why);
  // Of one command, which both dialects may have read, the heaviest note is kept.
  std::vector<PolicyCommand>& all = decision_.commands;
  const auto same = [&](const PolicyCommand& one) {
    return one.words == command.words && one.via == command.via;
  };
  if (const auto found = std::ranges::find_if(all, same); found != all.end()) {
    if (verdict > found->verdict) *found = std::move(command);
    return;
  }
  if (all.size() < kMostCommands) {
    all.push_back(std::move(command));
  } else {
    ++decision_.commands_dropped;
  }
}

void Evaluator::Unclear(const Values& argv, const Context& context, std::string why) {
  Note(argv, context, PolicyVerdict::kIndeterminate, "", std::move(why));
}

void Evaluator::Opaque(const Values& argv, const Context& context, std::string why) {
  Note(argv, context, PolicyVerdict::kOpaque, "", std::move(why));
}

Evaluator::Context Evaluator::Below(const Context& context, std::string_view starter) {
  Context below = context;
  below.via += (below.via.empty() ? "" : " > ") + std::string(starter);
  below.in_shell = false;
  ++below.depth;
  return below;
}

std::vector<std::string> Evaluator::NamesOf(const std::string& given,
                                            const Context& context) const {
  std::vector<std::string> names{std::string(BaseName(given))};
  const auto path = Lookup("PATH", *context.shell);
  const auto program =
      resolver_.Find(given, path ? std::string_view(path->text) : "", context.shell->cwd);
  if (!program) return names;
  const auto add = [&names](const std::string& name) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  };
  add(program->name);
  for (const std::string& name : program->same_file) add(name);
  return names;
}

void Evaluator::CheckVariable(std::string_view name, const Context& context) {
  const auto& blocked = policy_.blocked_env_vars;
  if (std::ranges::find(blocked, name) == blocked.end()) return;
  Note({Value::Of(std::string(name) + "=")}, context, PolicyVerdict::kBlock, "blocked-env",
       "the variable " + std::string(name) + " may not be set");
}

void Evaluator::CheckAllowList(const Values& argv, const std::vector<std::string>& names,
                               const Context& context) {
  if (policy_.mode != model::PolicyMode::kAllow) return;
  static const std::vector<std::string> kDefault = {"@seed"};
  const std::vector<std::string>& allowed = policy_.allowed.empty() ? kDefault : policy_.allowed;
  // The name that is started must be listed; a link cannot lend its own to another program.
  if (Listed(allowed, names.front()) &&
      (names.size() == 1 || Listed(allowed, names[1]) || Listed(allowed, names.front()))) {
    return;
  }
  const std::string& given = argv.front().text;
  const bool path = given.find('/') != std::string::npos;
  if (policy_.allow_workspace_binaries && path &&
      resolver_.Writable(NormalPath(given, context.shell->cwd))) {
    return;
  }
  Note(argv, context, PolicyVerdict::kBlock, "not-allowed",
       names.front() + " is not on the list of allowed programs");
}

void Evaluator::RunArgv(const Values& argv, Context context) {
  if (argv.empty()) return;
  if (++steps_ > kMostSteps || context.depth > kDeepestLaunch) {
    Unclear(argv, context, "too long or too deeply nested to be read");
    return;
  }
  const Value& program = argv.front();
  if (program.text.empty()) return;
  if (program.HasUnknown() || program.HasGlob()) {
    Unclear(argv, context, "which program runs is known at run time only");
    return;
  }
  if (program.guessed)
    Unclear(argv, context, "the program's name comes from a variable or command");
  if (context.in_shell && RunBuiltin(argv, context)) return;
  RunNamed(argv, program.text, context);
}

void Evaluator::RunNamed(const Values& argv, const std::string& given, Context& context) {
  const std::vector<std::string> names = NamesOf(given, context);
  const Candidate candidate{names, std::span(argv).subspan(1), context.shell->cwd};
  Note(argv, context, PolicyVerdict::kAllow, "", "");
  if (const auto match = MatchRules(candidate, policy_)) {
    if (match->certain) {
      Note(argv, context, PolicyVerdict::kBlock, match->rule, match->why);
    } else {
      Unclear(argv, context, match->why);
    }
  }
  CheckAllowList(argv, names, context);
  if (given.find('/') != std::string::npos &&
      resolver_.Writable(NormalPath(given, context.shell->cwd))) {
    Opaque(argv, context, "a program of the guest's own is not looked at");
  }
  for (const std::string& name : names) {
    if (RunLauncher(name, argv, context) || RunShell(name, argv, context) ||
        RunInterpreter(name, argv, context)) {
      return;
    }
  }
}

void Evaluator::Run(const Request& request) {
  decision_.mode = policy_.mode;
  ShellState shell;
  shell.cwd = request.cwd;
  Context context;
  context.shell = &shell;
  std::size_t length = 0;
  for (const std::string& variable : request.env) {
    const std::size_t equals = std::min(variable.find('='), variable.size());
    const std::string name = variable.substr(0, equals);
    CheckVariable(name, context);
    if (variable.size() - equals > policy_.max_env_value_length) {
      Note({Value::Of(name + "=")}, context, PolicyVerdict::kBlock, "too-long",
           "the value of " + name + " is longer than max_env_value_length");
    }
    Value value = Value::Of(variable.substr(std::min(equals + 1, variable.size())));
    value.guessed = true;
    shell.variables.insert_or_assign(name, std::move(value));
  }
  Values argv;
  for (const std::string& arg : request.argv) {
    length += arg.size() + 1;
    argv.push_back(Value::Of(arg));
  }
  if (length > policy_.max_command_length) {
    Note({argv.front()}, context, PolicyVerdict::kBlock, "too-long",
         "the command is longer than max_command_length");
    return;
  }
  RunArgv(argv, context);
}

model::PolicyDecision Evaluator::Decide() && {
  using model::OnIndeterminate;
  using model::PolicyMode;
  const bool open = decision_.verdict == PolicyVerdict::kIndeterminate ||
                    decision_.verdict == PolicyVerdict::kOpaque;
  const bool refuses = policy_.mode == PolicyMode::kBlock || policy_.mode == PolicyMode::kAllow;
  decision_.refused = refuses && (decision_.verdict == PolicyVerdict::kBlock ||
                                  (open && policy_.on_indeterminate == OnIndeterminate::kDeny));
  decision_.audit =
      decision_.verdict != PolicyVerdict::kAllow &&
      (policy_.mode == PolicyMode::kAudit || decision_.verdict == PolicyVerdict::kBlock ||
       policy_.on_indeterminate != OnIndeterminate::kAllow);
  return std::move(decision_);
}

model::PolicyDecision Judge(const Request& request, const model::CommandPolicy& policy,
                            const ProgramResolver& resolver) {
  if (policy.mode == model::PolicyMode::kOff || request.argv.empty()) return {};
  Evaluator evaluator(policy, resolver);
  evaluator.Run(request);
  return std::move(evaluator).Decide();
}

Error Refusal(const model::PolicyDecision& decision) {
  const std::string rule =
      decision.rule.empty() ? std::string(ToString(decision.verdict)) : "rule " + decision.rule;
  return Failure(Code::kPermissionDenied,
                 "the command policy refuses this command (" + rule + "): " + decision.why,
                 "command_blocked",
                 "change the command, or validation.mode and its lists in the configuration; the "
                 "policy is a guardrail, not a boundary");
}

bool NoResolver::Writable(std::string_view path) const {
  constexpr std::array<std::string_view, 4> kPlaces = {"/work/", "/tmp/", "/var/tmp/", "/home/"};
  return std::ranges::any_of(kPlaces, [&](auto place) { return path.starts_with(place); });
}

Status CheckPolicy(const model::CommandPolicy& policy) {
  const auto bad = [](const std::string& entry, std::string_view why) {
    return Failure(Code::kInvalidArgument, "'" + entry + "': " + std::string(why), "policy_invalid",
                   "write a program's name, with words behind it for blocked; or @seed, @coreutils "
                   "for allowed");
  };
  for (const std::string& entry : policy.blocked) {
    const auto words = SplitWords(entry);
    if (!words) return bad(entry, "a quote is not closed");
    if (words->empty()) return bad(entry, "an empty rule");
  }
  for (const std::string& entry : policy.allowed) {
    if (entry.empty()) return bad(entry, "an empty name");
    if (entry.starts_with('@') && AllowGroup(entry).empty()) return bad(entry, "no such group");
    if (entry.find_first_of(" /") != std::string::npos) return bad(entry, "not a program's name");
  }
  return {};
}

}  // namespace fabro::jail::command_policy
