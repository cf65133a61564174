// Where a launcher's options end and its command begins.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/jail/command_policy/value.h"

namespace fabro::jail::command_policy {

// `name` is one of `names`, which stand between spaces.
bool Among(std::string_view names, std::string_view name);

// NAME=value, as `env` and `sudo` take it before a command.
bool IsAssignment(std::string_view word);

// The index behind the option at `at` and its value: `short_values` are letters of options with a
// value, `long_values` long options whose value may be a word of its own.
std::size_t BehindOption(const std::vector<Value>& argv, std::size_t at,
                         std::string_view short_values, std::string_view long_values);

// The index of the first word from `at` on that is neither an option nor its value.
std::size_t FirstOperand(const std::vector<Value>& argv, std::size_t at,
                         std::string_view short_values, std::string_view long_values);

// The words from `at` on; none when there are none.
std::vector<Value> From(const std::vector<Value>& argv, std::size_t at);

// Every `mark` in `value` becomes `filler`.
Value Replaced(const Value& value, std::string_view mark, const Value& filler);

// The texts with spaces between them; `known` becomes false when one has an unknown part.
std::string Joined(const std::vector<Value>& values, bool& known);

}  // namespace fabro::jail::command_policy
