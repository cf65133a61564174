// The text of --help and the completion scripts, from the tables of options.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "apps/faber/options.h"

namespace fabro::faber {

enum class Style { kPlain, kBold };  // Bold headings for a terminal.

// The commands, for `faber --help`.
std::string Overview(Style style);

// The manual of one command.
std::string Manual(const CommandInfo& command, Style style);

// nullopt: no such shell. The scripts need no program to run while completing.
std::optional<std::string> CompletionScript(std::string_view shell);

}  // namespace fabro::faber
