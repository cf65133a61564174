// What a path operand of `rm` can name: the root or one of the blocked paths.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fabro/jail/command_policy/value.h"

namespace fabro::jail::command_policy {

enum class Reach { kNo, kMaybe, kYes };

// Lexically, with relative operands below `cwd` (empty: not known). kMaybe: it depends on data that
// exists at run time only.
Reach ReachOf(const Value& operand, std::string_view cwd,
              const std::vector<std::string>& blocked_paths);

// `path` below `cwd` without ".", ".." and double slashes; empty when `cwd` is needed and not
// known.
std::string NormalPath(std::string_view path, std::string_view cwd);

}  // namespace fabro::jail::command_policy
