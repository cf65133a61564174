// `fabro version` and `fabro completion SHELL`.
#include <map>
#include <sstream>

#include "commands.h"

namespace fabro::cli {
namespace {

struct Words {
  std::string commands;                           // Of the first level.
  std::map<std::string, std::string> options_of;  // "artifact cp" -> "--node --tree".

  // What may follow a command: its own commands, then its options.
  std::string After(const std::string& name) const {
    std::string all;
    for (const auto& [known, options] : options_of) {
      if (known.starts_with(name + " ")) all += known.substr(name.size() + 1) + " ";
    }
    return all + options_of.at(name);
  }
};

Words Collect() {
  Words words;
  for (const std::string& line : CommandWords()) {
    const std::size_t dashes = line.find(" --");
    const std::string name = line.substr(0, dashes);
    if (name.find(' ') == std::string::npos)
      words.commands += (words.commands.empty() ? "" : " ") + name;
    words.options_of[name] = dashes == std::string::npos ? "" : line.substr(dashes + 1);
  }
  return words;
}

std::string Bash(const Words& words) {
  std::ostringstream out;
  out << "# bash completion for fabro; source it, or put it into /etc/bash_completion.d\n"
         "_fabro() {\n  local cur=${COMP_WORDS[COMP_CWORD]} words\n"
         "  if [ \"$COMP_CWORD\" -eq 1 ]; then words=\""
      << words.commands << "\"\n  else case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n";
  for (const auto& [name, options] : words.options_of) {
    if (name.find(' ') != std::string::npos) {
      out << "    \"" << name << "\") words=\"" << options << "\" ;;\n";
    }
  }
  for (const auto& [name, options] : words.options_of) {
    (void)options;
    if (name.find(' ') == std::string::npos) {
      out << "    \"" << name << " \"*) words=\"" << words.After(name) << "\" ;;\n";
    }
  }
  out << "  esac; fi\n  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
         "  [[ \"$cur\" == -* || \"$COMP_CWORD\" -eq 1 ]] || COMPREPLY+=($(compgen -f -- "
         "\"$cur\"))\n}\n"
         "complete -o filenames -F _fabro fabro";
  return out.str();
}

std::string Zsh(const Words& words) {
  std::ostringstream out;
  out << "#compdef fabro\n_fabro() {\n  if (( CURRENT == 2 )); then compadd -- " << words.commands
      << "; return; fi\n  case $words[2] in\n";
  for (const auto& [name, options] : words.options_of) {
    (void)options;
    if (name.find(' ') == std::string::npos) {
      out << "    " << name << ") compadd -- " << words.After(name) << " ;;\n";
    }
  }
  out << "  esac\n  _files\n}\n_fabro \"$@\"";
  return out.str();
}

std::string Fish(const Words& words) {
  std::ostringstream out;
  out << "complete -c fabro -n __fish_use_subcommand -f -a '" << words.commands << "'";
  for (const auto& [name, options] : words.options_of) {
    const std::size_t blank = name.find(' ');
    if (blank != std::string::npos) {
      out << "\ncomplete -c fabro -n '__fish_seen_subcommand_from " << name.substr(0, blank)
          << "' -f -a " << name.substr(blank + 1);
      continue;
    }
    std::istringstream each(options);
    for (std::string option; each >> option;) {
      out << "\ncomplete -c fabro -n '__fish_seen_subcommand_from " << name << "' -l "
          << option.substr(2);
    }
  }
  return out.str();
}

}  // namespace

int Run(const VersionOptions& /*options*/, const GlobalOptions& global, Console& console) {
  console.Result(global.json ? R"({"name":"fabro","version":")" FABRO_VERSION R"("})"
                             : "fabro " FABRO_VERSION);
  return kOk;
}

int Run(const CompletionOptions& options, const GlobalOptions& /*global*/, Console& console) {
  const Words words = Collect();
  if (options.shell == "bash") console.Result(Bash(words));
  if (options.shell == "zsh") console.Result(Zsh(words));
  if (options.shell == "fish") console.Result(Fish(words));
  return kOk;
}

}  // namespace fabro::cli
