#include "apps/faber/policy_profile.h"

#include <algorithm>

#include "fabro/linux/seccomp/explain.h"
#include "fabro/linux/seccomp/table.h"

namespace fabro::faber {
namespace {

using model::Json;
using seccomp::Level;

Json OfClause(const seccomp::Clause& clause) {
  Json json = Json::MakeObject();
  json.SetIfAny("when", seccomp::WhenText(clause.when));
  return json.Set("condition", clause.text).Set("verdict", seccomp::ToString(clause.verdict));
}

Json OfCall(const seccomp::Syscall& call, int number, const seccomp::Class& entry) {
  Json json = Json::MakeObject().Set("name", call.name).Set("number", number);
  json.SetIfAny("since", call.since);
  json.Set("class", entry.rule == nullptr ? seccomp::ToString(entry.verdict) : "by argument");
  if (entry.rule != nullptr) {
    Json rules = Json::MakeArray();
    for (const seccomp::Clause& clause : entry.rule->clauses) rules.Push(OfClause(clause));
    json.Set("rules", std::move(rules)).Set("why", entry.rule->why);
  } else if (const seccomp::Denial* denial = seccomp::FindDenial(call.name)) {
    const auto kind = entry.verdict.kind;
    const bool refused =
        kind == seccomp::Verdict::Kind::kKill || kind == seccomp::Verdict::Kind::kReported;
    if (refused) json.Set("why", denial->why);
  }
  return json;
}

void AddOnce(std::vector<std::string>& list, const std::string& text) {
  if (std::ranges::find(list, text) == list.end()) list.push_back(text);
}

void Append(std::string_view head, const std::vector<std::string>& lines, std::string& out) {
  if (lines.empty()) return;
  out += std::string(head) + "\n";
  for (const std::string& line : lines) out += "  " + line + "\n";
}

// The level answers this call with errors that programs expect, or with none. So it does with a
// call without a name, which is a newer kernel's.
bool OnlySoft(Level level, std::string_view name) {
  using Kind = seccomp::Verdict::Kind;
  const auto loud = [](const seccomp::Verdict& verdict) {
    return verdict.kind == Kind::kReported || verdict.kind == Kind::kKill;
  };
  const auto number =
      static_cast<std::uint32_t>(seccomp::SyscallNumber(seccomp::NativeArch(), name));
  const seccomp::Syscall* call = seccomp::FindSyscall(seccomp::NativeArch(), number);
  if (call == nullptr) return true;
  const seccomp::Class& entry = call->classes[static_cast<std::size_t>(level)];
  if (entry.rule == nullptr) return !loud(entry.verdict);
  return std::ranges::none_of(entry.rule->clauses, [&](const seccomp::Clause& clause) {
    return clause.when == seccomp::Clause::When::kAlways && loud(clause.verdict);
  });
}

}  // namespace

Json PolicyJson(Level level, seccomp::Arch arch) {
  Json calls = Json::MakeArray();
  for (const seccomp::Syscall& call : seccomp::SyscallTable()) {
    const int number = arch == seccomp::Arch::kX86_64 ? call.x86_64 : call.aarch64;
    if (number < 0) continue;
    calls.Push(OfCall(call, number, call.classes[static_cast<std::size_t>(level)]));
  }
  return Json::MakeObject()
      .Set("level", seccomp::LevelName(level))
      .Set("arch", seccomp::ArchName(arch))
      .Set("calls", std::move(calls))
      .Set("otherwise", level == Level::kLow ? "allow" : "soft ENOSYS")
      .Set("foreign", "kill");
}

Profile ProfileOf(const model::Outcome& outcome, const model::RunRequest& request) {
  Profile profile;
  profile.level = request.sandbox.syscalls.learn.value_or(model::Level::kMedium);
  profile.complete = outcome.violations_dropped == 0 && outcome.fate == model::Fate::kExited;
  const bool high = profile.level == model::Level::kHigh;
  const Level wanted = high ? Level::kHigh : Level::kMedium;
  std::vector<std::string> names;
  bool ptrace = false;
  for (const model::Violation& violation : outcome.violations) {
    const bool passed = !violation.killed && violation.sys_errno == 0;
    if (!passed) {
      AddOnce(profile.refused, violation.call);
    } else if (OnlySoft(wanted, violation.syscall)) {
      AddOnce(profile.soft, violation.call);
    } else {
      AddOnce(profile.allowed, violation.call);
      ptrace = ptrace || violation.syscall == "ptrace";
      if (violation.syscall != "ptrace") AddOnce(names, violation.syscall);
    }
  }
  // High takes no more calls: what needs some needs medium.
  const bool lower = high && !profile.allowed.empty();
  profile.options = {"--level " +
                     std::string(model::ToString(lower ? model::Level::kMedium : profile.level))};
  if (ptrace) profile.options.emplace_back("--allow-ptrace");
  for (const std::string& name : names) {
    if (lower && seccomp::ClassText(Level::kMedium, name) == "allow") continue;
    profile.options.push_back("--allow-syscall " + name);
  }
  return profile;
}

std::string ToText(const Profile& profile) {
  std::string out = "\nfaber run";
  for (const std::string& option : profile.options) out += " " + option;
  out += " is what the command needed" + std::string(profile.complete ? "" : " as far as it came") +
         "\n";
  Append("made, and to be allowed:", profile.allowed, out);
  Append("made, and answered with an error that programs expect:", profile.soft, out);
  Append("refused here too, and at every level:", profile.refused, out);
  return out;
}

Json ToJson(const Profile& profile) {
  return Json::MakeObject()
      .Set("for", model::ToString(profile.level))
      .Set("complete", profile.complete)
      .Set("options", Json::Strings(profile.options))
      .Set("allowed", Json::Strings(profile.allowed))
      .Set("soft", Json::Strings(profile.soft))
      .Set("refused", Json::Strings(profile.refused));
}

}  // namespace fabro::faber
