#include <algorithm>
#include <vector>

#include "apps/faber/help.h"

namespace fabro::faber {
namespace {

// "policy" of "policy test"; empty for a command of one word.
std::string_view FamilyOf(const CommandInfo& command) {
  const std::size_t space = command.name.find(' ');
  return space == std::string_view::npos ? std::string_view() : command.name.substr(0, space);
}

// The commands below `family`, or with an empty one the first words of all.
std::vector<std::string_view> WordsBelow(std::string_view family) {
  std::vector<std::string_view> words;
  for (const CommandInfo& command : Commands()) {
    const std::string_view own = FamilyOf(command);
    const std::string_view word =
        family.empty() ? (own.empty() ? command.name : own)
                       : (own == family ? command.name.substr(family.size() + 1) : "");
    if (!word.empty() && std::ranges::find(words, word) == words.end()) words.push_back(word);
  }
  return words;
}

std::vector<std::string_view> Families() {
  std::vector<std::string_view> families;
  for (const CommandInfo& command : Commands()) {
    const std::string_view family = FamilyOf(command);
    if (!family.empty() && std::ranges::find(families, family) == families.end()) {
      families.push_back(family);
    }
  }
  return families;
}

std::string Joined(const std::vector<std::string_view>& words) {
  std::string text;
  for (const std::string_view word : words) text += (text.empty() ? "" : " ") + std::string(word);
  return text;
}

std::string CommandWords() { return Joined(WordsBelow("")); }

std::string OptionWords(const CommandInfo& command) {
  std::string words;
  for (const OptionInfo& option : command.options) {
    words += std::string(words.empty() ? "" : " ") + std::string(option.name);
  }
  return words;
}

std::string Names(const CommandInfo& command, std::string_view between) {
  std::string names(command.name);
  // A pattern of two words is quoted in bash and zsh.
  if (between == "|" && !FamilyOf(command).empty()) names = "'" + names + "'";
  if (!command.alias.empty()) names += std::string(between) + std::string(command.alias);
  return names;
}

// Single quotes of a shell word: ' becomes '\''.
std::string Quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

bool IsFile(const OptionInfo& option) { return option.words.starts_with('<'); }

std::string BashValues(const CommandInfo& command) {
  std::string cases;
  for (const OptionInfo& option : command.options) {
    if (option.placeholder.empty()) continue;
    const std::string made = IsFile(option)
                                 ? "compgen -f -- \"$cur\""
                                 : "compgen -W '" + std::string(option.words) + "' -- \"$cur\"";
    cases += "        " + std::string(option.name) + ") COMPREPLY=($(" + made + ")); return ;;\n";
  }
  return cases;
}

std::string Bash() {
  std::string out =
      "# bash completion for faber\n"
      "_faber() {\n"
      "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} word\n"
      "  COMPREPLY=()\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    [ \"$word\" = -- ] && { COMPREPLY=($(compgen -c -- \"$cur\")); return; }\n"
      "  done\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    COMPREPLY=($(compgen -W '" +
      CommandWords() +
      " --help --version' -- \"$cur\")); return\n"
      "  fi\n"
      "  local name=${COMP_WORDS[1]}\n"
      "  case $name in\n";
  for (const std::string_view family : Families()) {
    out += "    " + std::string(family) +
           ") [ \"$COMP_CWORD\" -eq 2 ] && { COMPREPLY=($(compgen -W '" +
           Joined(WordsBelow(family)) +
           "' -- \"$cur\")); return; }; name+=\" ${COMP_WORDS[2]}\" ;;\n";
  }
  out += "  esac\n  case $name in\n";
  for (const CommandInfo& command : Commands()) {
    out += "    " + Names(command, "|") + ")\n";
    const std::string values = BashValues(command);
    if (!values.empty()) out += "      case $prev in\n" + values + "      esac\n";
    out += "      COMPREPLY=($(compgen -W '" + OptionWords(command) +
           (command.words.empty() || command.words.starts_with('<')
                ? ""
                : " " + std::string(command.words)) +
           (command.takes_command ? " --" : "") + "' " +
           (command.words.starts_with('<') ? "-f " : "") + "-- \"$cur\")) ;;\n";
  }
  return out + "  esac\n}\ncomplete -F _faber faber\n";
}

std::string Zsh() {
  std::string out = "#compdef faber\n_faber() {\n  local -a commands=(\n";
  for (const CommandInfo& command : Commands()) {
    out += "    " + Quoted(std::string(command.name) + ":" + std::string(command.summary)) + "\n";
  }
  out +=
      "  )\n"
      "  if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
      "  local name=${words[2]}\n"
      "  shift words; (( CURRENT-- ))\n";
  for (const std::string_view family : Families()) {
    out += "  if [[ $name = " + std::string(family) +
           " ]]; then\n    if (( CURRENT == 2 )); then compadd " + Joined(WordsBelow(family)) +
           "; return; fi\n    name+=\" ${words[2]}\"; shift words; (( CURRENT-- ))\n  fi\n";
  }
  out += "  case $name in\n";
  for (const CommandInfo& command : Commands()) {
    out += "    " + Names(command, "|") + ") _arguments";
    for (const OptionInfo& option : command.options) {
      // _arguments: brackets and colons are its own marks.
      std::string help(option.help);
      std::replace(help.begin(), help.end(), '[', '(');
      std::replace(help.begin(), help.end(), ']', ')');
      std::replace(help.begin(), help.end(), ':', ',');
      std::string spec = (option.repeats ? "*" : "") + std::string(option.name) + "[" + help + "]";
      if (!option.placeholder.empty()) {
        spec += ":value:";
        spec += IsFile(option) ? std::string("_files") : "(" + std::string(option.words) + ")";
      }
      out += " \\\n      " + Quoted(spec);
    }
    if (!command.words.empty()) {
      const bool file = command.words.starts_with('<');
      out += " \\\n      " + Quoted("1:word:" + (file ? std::string("_files")
                                                      : "(" + std::string(command.words) + ")"));
    }
    if (command.takes_command) out += " \\\n      '*::command:_normal'";
    out += " ;;\n";
  }
  return out + "  esac\n}\n_faber \"$@\"\n";
}

std::string Fish() {
  std::string out =
      "# fish completion for faber\n"
      "complete -c faber -f\n";
  const std::string none = "not __fish_seen_subcommand_from " + CommandWords() + " execute";
  for (const CommandInfo& command : Commands()) {
    const std::string_view family = FamilyOf(command);
    const std::string_view last = command.name.substr(family.empty() ? 0 : family.size() + 1);
    const std::string in_family = "__fish_seen_subcommand_from " + std::string(family);
    if (family.empty()) {
      out += "complete -c faber -n " + Quoted(none) + " -a " + std::string(last) + " -d " +
             Quoted(command.summary) + "\n";
    } else {
      out += "complete -c faber -n " + Quoted(none) + " -a " + std::string(family) + "\n" +
             "complete -c faber -n " + Quoted(in_family) + " -a " + std::string(last) + " -d " +
             Quoted(command.summary) + "\n";
    }
    const std::string seen =
        family.empty()
            ? Quoted("__fish_seen_subcommand_from " + Names(command, " "))
            : Quoted(in_family + "; and __fish_seen_subcommand_from " + std::string(last));
    for (const OptionInfo& option : command.options) {
      out += "complete -c faber -n " + seen + " -l " + std::string(option.name.substr(2));
      if (!option.placeholder.empty()) out += IsFile(option) ? " -r -F" : " -x";
      if (!option.words.empty() && !IsFile(option)) out += " -a " + Quoted(option.words);
      out += " -d " + Quoted(option.help) + "\n";
    }
    if (command.words.starts_with('<')) {
      out += "complete -c faber -n " + seen + " -F\n";
    } else if (!command.words.empty()) {
      out += "complete -c faber -n " + seen + " -a " + Quoted(command.words) + "\n";
    }
  }
  return out;
}

}  // namespace

std::optional<std::string> CompletionScript(std::string_view shell) {
  if (shell == "bash") return Bash();
  if (shell == "zsh") return Zsh();
  if (shell == "fish") return Fish();
  return std::nullopt;
}

}  // namespace fabro::faber
