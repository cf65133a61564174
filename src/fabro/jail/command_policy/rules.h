// The table of rules: which command, once read, is refused and why.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/jail/command_policy/value.h"
#include "fabro/model/command_policy.h"

namespace fabro::jail::command_policy {

struct RuleMatch {
  std::string rule = {};
  std::string why = {};
  bool certain = true;  // False: it depends on run-time data whether the rule matches.
};

// One command to be held against the rules.
struct Candidate {
  std::span<const std::string> names;  // As given, as resolved, as linked.
  std::span<const Value> args;         // Without the program.
  std::string_view cwd;                // Empty: not known.
};

// The first certain match, else the first possible one.
std::optional<RuleMatch> MatchRules(const Candidate& candidate, const model::CommandPolicy& policy);

// The names that a built-in rule is about, for finding hard links to them.
std::span<const std::string_view> RuledPrograms();

}  // namespace fabro::jail::command_policy
