#include <algorithm>
#include <cerrno>

#include "fabro/base/error.h"
#include "fabro/linux/seccomp/seccomp.h"
#include "fabro/linux/seccomp/table.h"

namespace fabro::seccomp {
namespace {

bool Matches(const Condition& condition, const seccomp_data& data) {
  const auto value = static_cast<std::uint32_t>(data.args[condition.arg]) & condition.mask;
  return std::ranges::any_of(condition.values, [&](const Value& v) { return v.number == value; });
}

Verdict Decide(const Rule& rule, const FilterOptions& options, const seccomp_data& data) {
  for (const Clause& clause : rule.clauses) {
    if (Holds(clause.when, options) &&
        std::ranges::all_of(clause.conditions,
                            [&](const Condition& condition) { return Matches(condition, data); })) {
      return clause.verdict;
    }
  }
  return {Verdict::Kind::kKill, 0};  // The generator refuses a rule that gets here.
}

}  // namespace

std::string_view LevelName(Level level) {
  switch (level) {
    case Level::kLow:
      return "low";
    case Level::kMedium:
      return "medium";
    case Level::kHigh:
      return "high";
  }
  return "unknown";
}

std::string_view ArchName(Arch arch) { return arch == Arch::kX86_64 ? "x86_64" : "aarch64"; }

std::string ToString(const Verdict& verdict) {
  const auto with_errno = [&](const char* word) {
    return std::string(word) + (verdict.sys_errno == 0 ? "success" : ErrnoName(verdict.sys_errno));
  };
  switch (verdict.kind) {
    case Verdict::Kind::kAllow:
      return "allow";
    case Verdict::Kind::kSoft:
      return with_errno("soft ");
    case Verdict::Kind::kReported:
      return with_errno("reported ");
    case Verdict::Kind::kKill:
      return "kill";
  }
  return "unknown";
}

const Syscall* FindSyscall(Arch arch, std::uint32_t number) {
  const auto numbers = SyscallNumbers(arch);
  if (number >= numbers.size() || numbers[number] < 0) return nullptr;
  return &SyscallTable()[static_cast<std::size_t>(numbers[number])];
}

Class ClassOf(const Syscall& call, const FilterOptions& options) {
  if (std::ranges::find(options.deny, call.name) != options.deny.end()) {
    return {{Verdict::Kind::kReported, EPERM}, nullptr};
  }
  const bool allowed = std::ranges::find(options.allow, call.name) != options.allow.end();
  return call.classes[static_cast<std::size_t>(allowed ? Level::kLow : options.level)];
}

const Denial* FindDenial(std::string_view name) {
  const auto all = Denials();
  const auto found = std::ranges::lower_bound(all, name, {}, &Denial::name);
  return found == all.end() || found->name != name ? nullptr : &*found;
}

bool Holds(Clause::When when, const FilterOptions& options) {
  switch (when) {
    case Clause::When::kAlways:
      return true;
    case Clause::When::kSockets:
      return options.sockets == Sockets::kFamilies;
    case Clause::When::kNoSockets:
      return options.sockets == Sockets::kNone;
    case Clause::When::kPtrace:
      return options.allow_ptrace;
    case Clause::When::kTty:
      return options.tty;
    case Clause::When::kNoRandomize:
      return options.allow_no_randomize;
    case Clause::When::kNoLocks:
      return options.deny_file_locks;
    case Clause::When::kNoProcesses:
      return options.deny_process_creation;
    case Clause::When::kSetGid:
      return options.allow_set_gid;
  }
  return false;
}

Verdict VerdictOf(const FilterOptions& options, const seccomp_data& data) {
  const auto number = static_cast<std::uint32_t>(data.nr);
  if (data.arch != static_cast<std::uint32_t>(options.arch)) return {Verdict::Kind::kKill, 0};
  if (options.arch == Arch::kX86_64 && number >= kX32Bit) return {Verdict::Kind::kKill, 0};
  const Syscall* call = FindSyscall(options.arch, number);
  if (call == nullptr) {
    const bool x32_only =
        options.arch == Arch::kX86_64 && number >= kX32OnlyFirst && number < kX32OnlyEnd;
    if (options.level == Level::kLow && !x32_only) return {};
    return {Verdict::Kind::kSoft, ENOSYS};
  }
  const Class entry = ClassOf(*call, options);
  return entry.rule == nullptr ? entry.verdict : Decide(*entry.rule, options, data);
}

}  // namespace fabro::seccomp
