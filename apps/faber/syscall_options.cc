#include "apps/faber/syscall_options.h"

#include <algorithm>
#include <vector>

#include "fabro/jail/plan/syscalls.h"
#include "fabro/linux/seccomp/explain.h"

namespace fabro::faber {
namespace {

void AddOnce(std::vector<std::string>& names, const std::string& name) {
  if (std::ranges::find(names, name) == names.end()) names.push_back(name);
}

// The first violation of each decoded call.
std::vector<const model::Violation*> Different(const model::Outcome& outcome) {
  std::vector<const model::Violation*> different;
  for (const model::Violation& violation : outcome.violations) {
    const auto same = [&](const model::Violation* one) {
      return one->syscall == violation.syscall && one->call == violation.call;
    };
    if (std::ranges::none_of(different, same)) different.push_back(&violation);
  }
  return different;
}

std::string Refusal(const model::Violation& violation) {
  return violation.killed ? "killed the command" : "failed with " + ErrnoName(violation.sys_errno);
}

}  // namespace

bool ApplySyscallOption(model::SyscallChanges& changes, const OptionUse& use) {
  if (use.name == "--allow-syscall") {
    AddOnce(changes.allow, use.value);
  } else if (use.name == "--deny-syscall") {
    AddOnce(changes.deny, use.value);
  } else if (use.name == "--allow-ptrace") {
    changes.allow_ptrace = true;
  } else if (use.name == "--deny-file-locks") {
    changes.deny_file_locks = true;
  } else if (use.name == "--deny-process-creation") {
    changes.deny_process_creation = true;
  } else if (use.name == "--deny-jit") {
    changes.deny_jit = true;
  } else {
    return false;
  }
  return true;
}

Result<seccomp::Level> ReadLevel(std::string_view where, std::string_view text) {
  for (const auto level : {seccomp::Level::kLow, seccomp::Level::kMedium, seccomp::Level::kHigh}) {
    if (seccomp::LevelName(level) == text) return level;
  }
  return Failure(Code::kInvalidArgument,
                 std::string(where) + ": '" + std::string(text) + "' is no security level",
                 "bad_option", "give low, medium or high");
}

std::string ExplainViolations(const model::Outcome& outcome, const model::RunRequest& request) {
  const seccomp::FilterOptions options = jail::plan::FilterOf(request.sandbox, false);
  std::string text;
  for (const model::Violation* violation : Different(outcome)) {
    const seccomp::Explanation said = seccomp::ExplainRefusal(options, violation->syscall);
    text += violation->call + " by " + violation->comm + " (pid " + std::to_string(violation->pid) +
            ") " + Refusal(*violation) + " at level " +
            std::string(seccomp::LevelName(options.level)) + "\n  what it does: " + said.purpose +
            "\n  why not here: " + said.why + "\n  what allows it: " + said.setting + "\n";
  }
  if (outcome.violations_dropped > 0) {
    text += "and " + std::to_string(outcome.violations_dropped) + " more that were not recorded\n";
  }
  return text;
}

model::Json ExplanationsJson(const model::Outcome& outcome, const model::RunRequest& request) {
  const seccomp::FilterOptions options = jail::plan::FilterOf(request.sandbox, false);
  model::Json all = model::Json::MakeArray();
  for (const model::Violation* violation : Different(outcome)) {
    const seccomp::Explanation said = seccomp::ExplainRefusal(options, violation->syscall);
    all.Push(model::Json::MakeObject()
                 .Set("syscall", violation->syscall)
                 .Set("call", violation->call)
                 .Set("purpose", said.purpose)
                 .Set("why", said.why)
                 .Set("allowed_by", said.setting));
  }
  return all;
}

}  // namespace fabro::faber
