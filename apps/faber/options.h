// The tables of faber's commands and options: what the parser accepts, what --help says and what
// the shell completes come from here and from nowhere else.
#pragma once

#include <span>
#include <string_view>

namespace fabro::faber {

struct OptionInfo {
  std::string_view name;         // "--memory".
  std::string_view placeholder;  // "SIZE"; empty: a switch without a value.
  std::string_view group;        // Heading in the help.
  std::string_view help;         // One sentence, no full stop; defaults named.
  std::string_view words = {};   // What can be completed: words, or "<file>", "<dir>".
  bool repeats = false;
};

struct CommandInfo {
  std::string_view name;
  std::string_view alias;        // Or empty.
  std::string_view synopsis;     // Behind "faber NAME".
  std::string_view summary;      // One line.
  std::string_view description;  // Paragraphs, wrapped by hand at 100 columns.
  std::span<const OptionInfo> options;
  std::string_view examples;    // Lines, each a command or a comment.
  std::string_view words = {};  // Of a positional argument.
  bool takes_command = false;   // "-- CMD…".
};

std::span<const CommandInfo> Commands();

// By name or alias; nullptr: there is none.
const CommandInfo* FindCommand(std::string_view word);

}  // namespace fabro::faber
