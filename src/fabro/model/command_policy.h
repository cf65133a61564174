// What an operator wants of command lines, and what the parser made of one.
//
// A guardrail, not a boundary: any allowed interpreter runs arbitrary code, and no text here may
// say that these rules contain it. They give early, readable refusals and an audit trail. Isolation
// is the kernel's work. Spec: isolation engine, section 9.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fabro::model {

// off: not looked at. audit: looked at and reported, never refused. block: what a rule matches is
// refused. allow: the same, and so is every program that is not on the list.
enum class PolicyMode { kOff, kAudit, kBlock, kAllow };

// seed: `dd` is blocked whatever it does. precise: dd only where it reads or writes a device.
enum class PolicyPreset { kSeed, kPrecise };

// What becomes of a command that cannot be judged before it runs.
enum class OnIndeterminate { kAllow, kAudit, kDeny };

struct CommandPolicy {
  PolicyMode mode = PolicyMode::kBlock;
  PolicyPreset preset = PolicyPreset::kSeed;
  // Added to the preset: a rule's id, or words as in "git push": a program (with * and ?), then
  // words that must be among its arguments, in this order; "-rf" asks for both flags, in any form.
  std::vector<std::string> blocked;
  // Mode allow: exactly these programs; "@seed" and "@coreutils" are groups. Empty: "@seed".
  std::vector<std::string> allowed;
  OnIndeterminate on_indeterminate = OnIndeterminate::kAudit;
  bool allow_workspace_binaries = true;  // Mode allow: programs in writable places need no entry.
  std::vector<std::string> blocked_env_vars{"LD_PRELOAD", "LD_LIBRARY_PATH"};
  std::vector<std::string> blocked_paths{"/proc", "/sys", "/dev", "/boot"};  // For rule rm-root.
  std::uint64_t max_command_length = 128 * 1024;    // Bytes of all arguments together.
  std::uint64_t max_env_value_length = 128 * 1024;  // Bytes of one variable's value.
  friend bool operator==(const CommandPolicy&, const CommandPolicy&) = default;
};

// In the order of weight: of several commands in one line the heaviest verdict counts.
enum class PolicyVerdict {
  kAllow,
  kOpaque,         // Runs code that is not looked at: python -c, a script file, make.
  kIndeterminate,  // What runs depends on data that exists at run time only.
  kBlock,          // A rule matches.
};

// One simple command that the line runs, or can run, as far as it could be read.
struct PolicyCommand {
  std::vector<std::string> words = {};  // Run-time data shows as $NAME, $(…) or ….
  std::string via = {};  // What starts it: "sudo > sh -c"; empty: the request itself.
  PolicyVerdict verdict = PolicyVerdict::kAllow;
  std::string rule = {};  // "rm-root" and so on; set with kBlock.
  std::string why = {};   // One sentence; empty with kAllow.
  friend bool operator==(const PolicyCommand&, const PolicyCommand&) = default;
};

struct PolicyDecision {
  PolicyMode mode = PolicyMode::kOff;
  PolicyVerdict verdict = PolicyVerdict::kAllow;
  std::string rule;  // Of the command that decided.
  std::string why;
  bool refused = false;  // By mode and on_indeterminate: nothing may be started.
  bool audit = false;    // To be reported with the outcome.
  std::vector<PolicyCommand> commands;
  std::uint64_t commands_dropped = 0;  // Read and judged, but past the number that is kept.
  friend bool operator==(const PolicyDecision&, const PolicyDecision&) = default;
};

std::string_view ToString(PolicyMode mode);
std::string_view ToString(PolicyPreset preset);
std::string_view ToString(OnIndeterminate action);
std::string_view ToString(PolicyVerdict verdict);
std::optional<PolicyMode> ParsePolicyMode(std::string_view word);
std::optional<PolicyPreset> ParsePolicyPreset(std::string_view word);
std::optional<OnIndeterminate> ParseOnIndeterminate(std::string_view word);

}  // namespace fabro::model
