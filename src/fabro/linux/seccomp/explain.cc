#include "fabro/linux/seccomp/explain.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "fabro/linux/seccomp/table.h"

namespace fabro::seccomp {
namespace {

const Syscall* FindName(std::string_view name) {
  const auto table = SyscallTable();
  const auto found = std::ranges::lower_bound(table, name, {}, &Syscall::name);
  return found == table.end() || found->name != name ? nullptr : &*found;
}

// Edits to get from one to the other (Levenshtein), row by row.
std::size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above + 1, row[j - 1] + 1, change});
      diagonal = above;
    }
  }
  return row[b.size()];
}

// Nothing that low refuses whatever its arguments are is let through anywhere: the floor of
// isolation.md 7.3.
bool LowLetsThrough(const Syscall& call) {
  const Class& entry = call.classes[static_cast<std::size_t>(Level::kLow)];
  return entry.rule != nullptr || entry.verdict.kind == Verdict::Kind::kAllow;
}

// A rule that is the same at low cannot be loosened by it.
bool LooserAtLow(const Syscall& call, Level level) {
  const Class& low = call.classes[static_cast<std::size_t>(Level::kLow)];
  const Class& here = call.classes[static_cast<std::size_t>(level)];
  return LowLetsThrough(call) && (low.rule == nullptr || low.rule != here.rule);
}

std::string SettingFor(const FilterOptions& options, const Syscall& call) {
  const bool locks = call.name == "flock" || call.name == "fcntl";
  if (locks && options.deny_file_locks) return "leave out --deny-file-locks";
  if (std::ranges::find(options.deny, call.name) != options.deny.end()) {
    return "leave out --deny-syscall " + std::string(call.name);
  }
  if (!LooserAtLow(call, options.level)) return "none: no level and no option allows it";
  if (options.level == Level::kHigh) {
    // What medium has by itself needs no option there.
    const Class& medium = call.classes[static_cast<std::size_t>(Level::kMedium)];
    const Class& low = call.classes[static_cast<std::size_t>(Level::kLow)];
    if (medium.rule == low.rule && medium.verdict == low.verdict) {
      return "none at level high; --level medium";
    }
    return call.name == "ptrace"
               ? "none at level high; --level medium --allow-ptrace, or --level low"
               : "none at level high; --level medium --allow-syscall " + std::string(call.name) +
                     ", or --level low";
  }
  const std::string option =
      call.name == "ptrace" ? "--allow-ptrace" : "--allow-syscall " + std::string(call.name);
  return option + ", or --level low";
}

Error Refused(std::string message, std::string fix) {
  return Failure(Code::kInvalidArgument, std::move(message), "syscall_refused", std::move(fix));
}

// Of a name in one of the lists.
Result<const Syscall*> Named(const std::string& name) {
  if (const Syscall* call = FindName(name)) return call;
  const std::string_view near = NearestSyscall(name);
  return Failure(Code::kInvalidArgument, "'" + name + "' is no system call", "syscall_unknown",
                 near.empty() ? "see faber policy show for all names"
                              : "did you mean " + std::string(near) + "?");
}

Status CheckAllowed(const FilterOptions& options, const std::string& name) {
  const Syscall* call = TRY(Named(name));
  if (options.level == Level::kHigh) {
    return Refused("level high takes no more system calls (" + name + ")",
                   "use level medium, or leave it out");
  }
  if (!LowLetsThrough(*call)) {
    return Refused("no level allows the system call " + name, "leave it out");
  }
  return {};
}

Status CheckDenied(const std::string& name) {
  // What a payload still has to do below its filter (seccomp.h).
  static constexpr std::string_view kNeeded[] = {"close", "execve", "exit", "exit_group",
                                                 "sendmsg"};
  TRY(Named(name));
  if (std::ranges::find(kNeeded, name) == std::end(kNeeded)) return {};
  return Refused("without the system call " + name + " no command can be started", "leave it out");
}

}  // namespace

Explanation ExplainRefusal(const FilterOptions& options, std::string_view syscall) {
  const Syscall* call = FindName(syscall);
  if (call == nullptr) {
    return {.purpose = "a call of another architecture or ABI",
            .why = "its numbers mean other calls, so no policy can be right for both",
            .setting = "none: build the program for " + std::string(ArchName(options.arch))};
  }
  Explanation explanation;
  if (const Denial* denial = FindDenial(syscall)) {
    explanation.purpose = denial->purpose;
    explanation.why = denial->why;
  }
  if (std::ranges::find(options.deny, syscall) != options.deny.end()) {
    explanation.why = "the caller denied it";
  }
  explanation.setting = SettingFor(options, *call);
  return explanation;
}

std::string_view NearestSyscall(std::string_view name) {
  constexpr std::size_t kLongest = 32;  // The longest name has 23 letters.
  if (name.empty() || name.size() > kLongest) return {};
  std::string_view nearest;
  std::size_t least = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const Syscall& call : SyscallTable()) {
    const std::size_t distance = Distance(name, call.name);
    if (distance >= least) continue;
    least = distance;
    nearest = call.name;
  }
  return nearest;
}

Status CheckOptions(const FilterOptions& options) {
  if (options.level == Level::kHigh && options.allow_ptrace) {
    return Failure(Code::kInvalidArgument, "level high never allows ptrace", "ptrace_refused",
                   "use level medium, or leave out allow_ptrace");
  }
  for (const std::string& name : options.allow) TRY(CheckAllowed(options, name));
  for (const std::string& name : options.deny) TRY(CheckDenied(name));
  return {};
}

std::string ClassText(Level level, std::string_view syscall) {
  const Syscall* call = FindName(syscall);
  if (call == nullptr) return {};
  const Class& entry = call->classes[static_cast<std::size_t>(level)];
  return entry.rule != nullptr ? "by argument" : ToString(entry.verdict);
}

}  // namespace fabro::seccomp
