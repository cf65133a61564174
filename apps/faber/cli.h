// argv as names and values, by the tables of options.h. What the values mean is decided elsewhere.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apps/faber/options.h"
#include "fabro/base/result.h"

namespace fabro::faber {

struct OptionUse {
  std::string_view name;  // Of the table.
  std::string value;      // Empty for a switch.
  friend bool operator==(const OptionUse&, const OptionUse&) = default;
};

struct Invocation {
  const CommandInfo* command = nullptr;
  std::vector<OptionUse> options = {};        // In the table's order, repeats in the order given.
  std::vector<std::string> positionals = {};  // Before "--".
  std::vector<std::string> rest = {};         // Behind "--".

  bool Has(std::string_view name) const;
  // The value of an option that does not repeat; nullptr: not given.
  const std::string* Find(std::string_view name) const;
};

// `args` is argv behind the command's own word. Errors name the option; reason "usage".
Result<Invocation> ParseInvocation(const CommandInfo& command, std::span<const std::string> args);

}  // namespace fabro::faber
