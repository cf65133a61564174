#include <map>

#include "fabro/linux/seccomp/seccomp.h"
#include "fabro/linux/seccomp/table.h"

namespace fabro::seccomp {
namespace {

constexpr std::size_t kWidth = 100;

void AppendNames(const std::vector<std::string_view>& names, std::string& out) {
  std::string line = " ";
  for (const std::string_view name : names) {
    if (line.size() + 1 + name.size() > kWidth) {
      out += line + "\n";
      line = " ";
    }
    line += ' ';
    line += name;
  }
  out += line + "\n";
}

void AppendRule(const Rule& rule, const std::vector<std::string_view>& names, std::string& out) {
  AppendNames(names, out);
  out += "      " + std::string(rule.why) + "\n";
  for (const Clause& clause : rule.clauses) {
    const std::string when(WhenText(clause.when));
    out += "      " + std::string(clause.text) + (when.empty() ? "" : " [" + when + "]") + ": " +
           ToString(clause.verdict) + "\n";
  }
}

}  // namespace

std::string_view WhenText(Clause::When when) {
  switch (when) {
    case Clause::When::kAlways:
      return "";
    case Clause::When::kSockets:
      return "with sockets";
    case Clause::When::kNoSockets:
      return "network mode none";
    case Clause::When::kPtrace:
      return "allow_ptrace";
    case Clause::When::kTty:
      return "with a terminal";
    case Clause::When::kNoRandomize:
      return "allow_no_randomize";
    case Clause::When::kNoLocks:
      return "deny_file_locks";
    case Clause::When::kNoProcesses:
      return "deny_process_creation";
    case Clause::When::kSetGid:
      return "allow_set_gid";
  }
  return "";
}

std::string PolicyListing(Level level, Arch arch) {
  std::map<std::string, std::vector<std::string_view>> plain;
  std::map<std::string_view, std::pair<const Rule*, std::vector<std::string_view>>> by_rule;
  for (const Syscall& call : SyscallTable()) {
    if ((arch == Arch::kX86_64 ? call.x86_64 : call.aarch64) < 0) continue;
    const Class& entry = call.classes[static_cast<std::size_t>(level)];
    if (entry.rule == nullptr) {
      plain[ToString(entry.verdict)].push_back(call.name);
    } else {
      auto& [rule, names] = by_rule[entry.rule->name];
      rule = entry.rule;
      names.push_back(call.name);
    }
  }
  std::string out =
      "level " + std::string(LevelName(level)) + ", " + std::string(ArchName(arch)) + "\n";
  for (const auto& [verdict, names] : plain) {
    out += "\n" + verdict + " (" + std::to_string(names.size()) + ")\n";
    AppendNames(names, out);
  }
  out += "\nby argument\n";
  for (const auto& [name, entry] : by_rule) AppendRule(*entry.first, entry.second, out);
  out += "\nelse\n  a number without a name: " +
         std::string(level == Level::kLow ? "allow" : "soft ENOSYS") +
         "\n  a call of a foreign architecture or ABI: kill\n";
  return out;
}

}  // namespace fabro::seccomp
