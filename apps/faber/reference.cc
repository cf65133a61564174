#include "apps/faber/reference.h"

#include <array>
#include <string_view>
#include <vector>

#include "apps/faber/options.h"
#include "fabro/base/byte_size.h"
#include "fabro/base/duration.h"
#include "fabro/config/engine/keys.h"
#include "fabro/jail/command_policy/policy.h"
#include "fabro/model/outcome.h"

namespace fabro::faber {
namespace {

using config::engine::KeyInfo;
using config::engine::KeyType;
using config::engine::KeyUse;
using model::Fate;

// The text of a table's cell.
std::string Cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string Code(std::string_view text) { return "`" + Cell(text) + "`"; }

std::string OfCommand(const CommandInfo& command) {
  std::string out = "### faber " + std::string(command.name) + "\n\n";
  out += std::string(command.summary) + ".";
  if (!command.alias.empty()) out += " `faber " + std::string(command.alias) + "` is the same.";
  out += "\n\n    faber " + std::string(command.name) + " " + std::string(command.synopsis) +
         "\n\n" + std::string(command.description) + "\n\n| Option | Meaning |\n|---|---|\n";
  for (const OptionInfo& option : command.options) {
    std::string name(option.name);
    if (!option.placeholder.empty()) name += " " + std::string(option.placeholder);
    out += "| " + Code(name) + (option.repeats ? ", repeats" : "") + " | " + Cell(option.help) +
           " |\n";
  }
  return out + "\n";
}

std::string Bound(const KeyInfo& key, std::uint64_t value) {
  if (key.type == KeyType::kBytes) return ToString(ByteSize(value));
  if (key.type == KeyType::kNanos) return ToString(Nanos(value));
  return std::to_string(value);
}

std::string OfKey(const KeyInfo& key) {
  std::string type = config::engine::TypeText(key);
  const bool ranged =
      key.type == KeyType::kBytes || key.type == KeyType::kNanos || key.type == KeyType::kCount;
  if (ranged) type += ", " + Bound(key, key.least) + " to " + Bound(key, key.most);
  std::string use;
  if (key.use == KeyUse::kService) use = " (of the service)";
  if (key.use == KeyUse::kDefaultOnly) use = " (other values: not built yet, refused)";
  return "| " + Code(key.name) + " | " + Cell(type) + " | " +
         (key.fallback.empty() ? std::string("none") : Code(key.fallback)) + " | " +
         Cell(key.help) + use + " |\n";
}

constexpr std::array kFates = {Fate::kPolicyViolation,
                               Fate::kOutOfMemory,
                               Fate::kAncestorOutOfMemory,
                               Fate::kOutputLimit,
                               Fate::kCpuTimeLimit,
                               Fate::kTimedOut,
                               Fate::kCancelled,
                               Fate::kPidsLimit,
                               Fate::kSignaled,
                               Fate::kExited,
                               Fate::kNotExecuted,
                               Fate::kNotStarted,
                               Fate::kInfrastructureFailure};

std::string_view MeaningOf(Fate fate) {
  switch (fate) {
    case Fate::kPolicyViolation:
      return "a system call that the level forbids, by the command or what it started";
    case Fate::kOutOfMemory:
      return "memory_limit";
    case Fate::kAncestorOutOfMemory:
      return "a control group above the sandbox is full";
    case Fate::kOutputLimit:
      return "max_output_size";
    case Fate::kCpuTimeLimit:
      return "cpu_time_limit";
    case Fate::kTimedOut:
      return "wall_time_limit";
    case Fate::kCancelled:
      return "ended by us: a second Ctrl-C, or SIGTERM";
    case Fate::kPidsLimit:
      return "max_processes was hit, and the command failed; its own status stays";
    case Fate::kSignaled:
      return "ended by signal N: 128+N";
    case Fate::kExited:
      return "ended by itself: its own status";
    case Fate::kNotExecuted:
      return "not found: 127; not executable: 126";
    case Fate::kNotStarted:
      return "faber refused, or could not begin";
    case Fate::kInfrastructureFailure:
      return "the sandbox failed under it";
  }
  return "";
}

std::string OfFate(Fate fate) {
  model::Outcome outcome;
  outcome.fate = fate;
  const bool own = fate == Fate::kExited || fate == Fate::kSignaled || fate == Fate::kPidsLimit ||
                   fate == Fate::kNotExecuted;
  return "| " + Code(model::ToString(fate)) + " | " +
         (own ? std::string("see right") : std::to_string(model::ExitCodeOf(outcome))) + " | " +
         std::string(MeaningOf(fate)) + " |\n";
}

}  // namespace

std::string ReferencePage() {
  std::string out =
      "# faber: reference\n\n"
      "Made from the tables of the program by `faber_reference`; a test holds this page to it. How "
      "to "
      "use\n"
      "it: [faber run](faber-run.md), [the command policy](command-policy.md).\n\n"
      "## Commands\n\n";
  for (const CommandInfo& command : Commands()) out += OfCommand(command);
  out +=
      "## Outcomes and exit statuses of `faber run`\n\n"
      "The first that holds wins. Management commands: 0 done, 1 trouble, 2 usage or a file that "
      "cannot be\n"
      "read, 3 a value that is wrong.\n\n| Outcome | Exit status | Meaning |\n|---|---|---|\n";
  for (const Fate fate : kFates) out += OfFate(fate);
  out +=
      "\n## Configuration\n\n"
      "Built-in < file (`--config`) < environment < command line (`--set`, and the options). The "
      "variable of\n"
      "`logging.level` is `FABER_LOGGING_LEVEL`, and so on. Unknown keys are refused by name. "
      "`resource_limits.NAME.…`\n"
      "is a set of limits of your own; `limits_profile` or `--limits-profile` chooses it.\n\n"
      "| Key | Value | Default | Meaning |\n|---|---|---|---|\n";
  for (const KeyInfo& key : config::engine::Keys()) out += OfKey(key);
  out +=
      "\n`validation.blocked_commands` is read as `validation.blocked`.\n\n## Rules of the command "
      "policy\n\n";
  for (const std::string_view rule : jail::command_policy::RuleIds()) {
    out += Code(rule) + " ";
  }
  out += "\n\n## Groups of programs for `validation.allowed`\n\n";
  for (const std::string_view group : {"@seed", "@coreutils"}) {
    out += Code(group) + ":";
    for (const std::string_view name : jail::command_policy::AllowGroup(group)) {
      out += " " + std::string(name);
    }
    out += "\n\n";
  }
  out.pop_back();
  return out;
}

}  // namespace fabro::faber
