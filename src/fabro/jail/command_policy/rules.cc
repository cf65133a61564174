#include "fabro/jail/command_policy/rules.h"

#include <algorithm>
#include <array>

#include "fabro/jail/command_policy/policy.h"
#include "fabro/jail/command_policy/removal.h"
#include "fabro/jail/command_policy/shell.h"

namespace fabro::jail::command_policy {
namespace {

using model::CommandPolicy;
using model::PolicyPreset;

using Match = std::optional<RuleMatch>;

Match Hit(std::string_view rule, std::string why) {
  return RuleMatch{.rule = std::string(rule), .why = std::move(why)};
}

Match Perhaps(std::string_view rule, std::string why) {
  return RuleMatch{.rule = std::string(rule), .why = std::move(why), .certain = false};
}

bool IsOption(const Value& arg) { return arg.text.size() > 1 && arg.text.front() == '-'; }

// rm's own way of reading its arguments: flags anywhere before "--", long ones shortened at will.
struct RmLine {
  bool recursive = false;
  bool unknown_flags = false;
  std::vector<const Value*> operands;
};

RmLine ReadRm(std::span<const Value> args) {
  RmLine line;
  bool options = true;
  for (const Value& arg : args) {
    if (options && arg.text == "--") {
      options = false;
    } else if (options && arg.text.starts_with("--")) {
      const bool fits = std::string_view("--recursive").starts_with(arg.text);
      line.recursive = line.recursive || fits;
    } else if (options && IsOption(arg)) {
      line.recursive = line.recursive || arg.text.find_first_of("rR") != std::string::npos;
      line.unknown_flags = line.unknown_flags || arg.HasUnknown();
    } else {
      line.unknown_flags = line.unknown_flags || (options && arg.marks.starts_with(Value::kHole));
      line.operands.push_back(&arg);
    }
  }
  return line;
}

Match RmRoot(const Candidate& candidate, const CommandPolicy& policy) {
  constexpr std::string_view kRule = "rm-root";
  const RmLine line = ReadRm(candidate.args);
  if (!line.recursive && !line.unknown_flags) return std::nullopt;
  Match perhaps;
  for (const Value* operand : line.operands) {
    const Reach reach = ReachOf(*operand, candidate.cwd, policy.blocked_paths);
    if (reach == Reach::kYes && line.recursive) {
      return Hit(kRule, "rm removes " + operand->Shown() + " recursively");
    }
    if (reach != Reach::kNo && !perhaps) {
      perhaps = Perhaps(kRule, "what rm removes is known at run time only: " + operand->Shown());
    }
  }
  return perhaps;
}

bool HarmlessDevice(std::string_view path) {
  constexpr std::array<std::string_view, 9> kHarmless = {
      "/dev/null",  "/dev/zero",   "/dev/full",   "/dev/random", "/dev/urandom",
      "/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/tty"};
  return std::ranges::find(kHarmless, path) != kHarmless.end() || path.starts_with("/dev/fd/");
}

Match RawDd(const Candidate& candidate, const CommandPolicy&) {
  constexpr std::string_view kRule = "raw-dd";
  Match perhaps;
  for (const Value& arg : candidate.args) {
    if (arg.marks.starts_with(Value::kHole)) perhaps = Perhaps(kRule, "dd's operands are unknown");
    if (!arg.text.starts_with("if=") && !arg.text.starts_with("of=")) continue;
    Value path;
    path.text = arg.text.substr(3);
    path.marks = arg.marks.substr(3);
    if (path.HasUnknown() || path.HasGlob()) {
      perhaps = Perhaps(kRule, "what dd opens is known at run time only: " + arg.Shown());
      continue;
    }
    const std::string normal = NormalPath(path.text, candidate.cwd);
    if (normal.starts_with("/dev/") && !HarmlessDevice(normal)) {
      return Hit(kRule, "dd opens the device " + normal);
    }
  }
  return perhaps;
}

Match Shutdown(const Candidate& candidate, const CommandPolicy&) {
  constexpr std::string_view kRule = "reboot";
  const auto named = [&](std::string_view name) {
    return std::ranges::find(candidate.names, name) != candidate.names.end();
  };
  // What the given name says counts: on Debian reboot is a link to systemctl.
  constexpr std::array<std::string_view, 5> kAlways = {"reboot", "shutdown", "halt", "poweroff",
                                                       "telinit"};
  for (const std::string_view name : kAlways) {
    const std::string_view rule = name == "shutdown" ? name : kRule;
    if (named(name)) return Hit(rule, std::string(name) + " ends the system");
  }
  constexpr std::array<std::string_view, 10> kVerbs = {
      "reboot",        "poweroff",        "halt",        "kexec",        "soft-reboot",
      "reboot.target", "poweroff.target", "halt.target", "kexec.target", "emergency"};
  for (const Value& arg : candidate.args) {
    if (IsOption(arg)) continue;
    const bool verb = named("systemctl") && std::ranges::find(kVerbs, arg.text) != kVerbs.end();
    const bool runlevel = named("init") && (arg.text == "0" || arg.text == "6");
    if (verb || runlevel) return Hit(kRule, arg.text + " ends the system");
    if (arg.HasUnknown()) return Perhaps(kRule, "the verb is known at run time only");
  }
  return std::nullopt;
}

struct Rule {
  std::string_view id;
  std::string_view programs;  // Patterns between spaces.
  std::string_view why;       // For rules that match by name alone.
  Match (*match)(const Candidate&, const CommandPolicy&) = nullptr;
  std::optional<PolicyPreset> only = std::nullopt;
};

constexpr std::array kRules = {
    Rule{"rm-root", "rm", "", RmRoot},
    Rule{"dd", "dd", "dd is not allowed (preset precise asks which files it opens)", nullptr,
         PolicyPreset::kSeed},
    Rule{"raw-dd", "dd", "", RawDd, PolicyPreset::kPrecise},
    Rule{"mkfs",
         "mkfs mkfs.* mke2fs mkswap fdisk sfdisk cfdisk sgdisk gdisk parted wipefs blkdiscard",
         "makes or wipes file systems and partitions"},
    Rule{"mount", "mount mount.*", "changes mounts"},
    Rule{"umount", "umount umount.* fusermount fusermount3", "changes mounts"},
    Rule{"chroot", "chroot pivot_root switch_root unshare nsenter",
         "changes the root directory or enters namespaces"},
    Rule{"reboot", "reboot shutdown halt poweroff telinit init systemctl", "", Shutdown},
};

// The rules without a program of their own; policy.cc and evaluator.cc match them.
constexpr std::array<std::string_view, 5> kOtherRules = {"shutdown", "fork-bomb", "blocked-env",
                                                         "not-allowed", "too-long"};

bool ByName(std::string_view patterns, const std::string& name) {
  while (!patterns.empty()) {
    const std::size_t end = std::min(patterns.find(' '), patterns.size());
    if (Matches(patterns.substr(0, end), name)) return true;
    patterns.remove_prefix(std::min(end + 1, patterns.size()));
  }
  return false;
}

Match Apply(const Rule& rule, const Candidate& candidate, const CommandPolicy& policy) {
  for (const std::string& name : candidate.names) {
    if (!ByName(rule.programs, name)) continue;
    if (rule.match != nullptr) return rule.match(candidate, policy);
    return Hit(rule.id, name + ": " + std::string(rule.why));
  }
  return std::nullopt;
}

// "-rf": every letter must be among the flags, in whatever clusters they come.
bool HasFlags(std::string_view letters, std::span<const Value> args) {
  return std::ranges::all_of(letters, [&](char letter) {
    return std::ranges::any_of(args, [&](const Value& arg) {
      return IsOption(arg) && arg.text[1] != '-' && arg.text.find(letter, 1) != std::string::npos;
    });
  });
}

Match Custom(const std::string& rule, const Candidate& candidate) {
  const std::vector<std::string> words = SplitWords(rule).value_or(std::vector<std::string>());
  if (words.empty()) return std::nullopt;
  const auto fits = [&](const std::string& name) { return Matches(words.front(), name); };
  if (std::ranges::none_of(candidate.names, fits)) return std::nullopt;
  std::size_t at = 0;  // Operands are found in order.
  bool unknown = false;
  for (const std::string& word : std::span(words).subspan(1)) {
    if (word.size() > 1 && word[0] == '-' && word[1] != '-') {
      if (HasFlags(std::string_view(word).substr(1), candidate.args)) continue;
      return std::nullopt;
    }
    const auto same = [&](const Value& arg) {
      unknown = unknown || arg.HasUnknown();
      return arg.text == word ||
             (word.starts_with('/') && NormalPath(arg.text, candidate.cwd) == word);
    };
    const auto found = std::ranges::find_if(candidate.args.subspan(at), same);
    if (found == candidate.args.end()) {
      if (!unknown) return std::nullopt;
      return Perhaps(rule, "whether it matches is known at run time only");
    }
    at = static_cast<std::size_t>(found - candidate.args.begin()) + 1;
  }
  return Hit(rule, "the configuration blocks it");
}

}  // namespace

std::optional<RuleMatch> MatchRules(const Candidate& candidate, const CommandPolicy& policy) {
  Match perhaps;
  const auto take = [&](Match match) {
    if (match && match->certain) return true;
    if (match && !perhaps) perhaps = match;
    return false;
  };
  for (const Rule& rule : kRules) {
    const bool asked = std::ranges::find(policy.blocked, rule.id) != policy.blocked.end();
    if (rule.only && *rule.only != policy.preset && !asked) continue;
    Match match = Apply(rule, candidate, policy);
    if (take(match)) return match;
  }
  for (const std::string& rule : policy.blocked) {
    Match match = Custom(rule, candidate);
    if (take(match)) return match;
  }
  return perhaps;
}

std::span<const std::string_view> RuledPrograms() {
  static constexpr std::array<std::string_view, 30> kPrograms = {
      "rm",          "dd",       "mkfs",       "mkfs.ext2",   "mkfs.ext3", "mkfs.ext4",
      "mkfs.xfs",    "mke2fs",   "mkswap",     "fdisk",       "sfdisk",    "cfdisk",
      "parted",      "wipefs",   "blkdiscard", "mount",       "umount",    "fusermount",
      "fusermount3", "chroot",   "pivot_root", "switch_root", "unshare",   "nsenter",
      "reboot",      "shutdown", "halt",       "poweroff",    "telinit",   "systemctl"};
  return kPrograms;
}

std::vector<std::string_view> RuleIds() {
  std::vector<std::string_view> ids;
  for (const Rule& rule : kRules) ids.push_back(rule.id);
  ids.insert(ids.end(), kOtherRules.begin(), kOtherRules.end());
  return ids;
}

}  // namespace fabro::jail::command_policy
