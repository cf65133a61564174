#include "apps/faber/help.h"

#include <vector>

namespace fabro::faber {
namespace {

constexpr std::size_t kWidth = 100;
constexpr std::size_t kIndent = 7;

std::string Heading(std::string_view text, Style style) {
  const bool bold = style == Style::kBold;
  return std::string(bold ? "\x1b[1m" : "") + std::string(text) + (bold ? "\x1b[0m" : "") + "\n";
}

// Each line of `text` behind `indent` spaces.
std::string Indented(std::string_view text, std::size_t indent) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (!line.empty()) out += std::string(indent, ' ') + std::string(line);
    out += '\n';
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return out;
}

std::string Wrapped(std::string_view text, std::size_t indent) {
  std::string out;
  std::size_t column = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    if (column == 0 || column + 1 + word.size() > kWidth) {
      out += (column == 0 ? "" : "\n") + std::string(indent, ' ');
      column = indent;
    } else {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out + "\n";
}

std::string OptionText(const OptionInfo& option) {
  std::string head(option.name);
  if (option.name == "--help") head = "-h, --help";
  if (option.name == "--rootfs") head = "--rootfs, --root";
  if (!option.placeholder.empty()) head += " " + std::string(option.placeholder);
  if (option.repeats) head += " (repeats)";
  return std::string(kIndent, ' ') + head + "\n" + Wrapped(option.help, kIndent + 6);
}

std::string Options(const CommandInfo& command, Style style) {
  std::vector<std::string_view> groups;
  for (const OptionInfo& option : command.options) {
    bool known = false;
    for (const std::string_view group : groups) known = known || group == option.group;
    if (!known) groups.push_back(option.group);
  }
  std::string out;
  for (const std::string_view group : groups) {
    out += "\n" + Heading(group, style);
    for (const OptionInfo& option : command.options) {
      if (option.group == group) out += OptionText(option);
    }
  }
  return out;
}

}  // namespace

std::string Overview(Style style) {
  std::string out = "faber runs untrusted commands in sandboxes of this machine.\n\n";
  out += Heading("Usage", style);
  out += Indented("faber COMMAND [options]\nfaber COMMAND --help\nfaber --version\n", kIndent);
  out += "\n" + Heading("Commands", style);
  for (const CommandInfo& command : Commands()) {
    std::string name(command.name);
    name.resize(std::max<std::size_t>(name.size() + 2, 14), ' ');
    out += std::string(kIndent, ' ') + name + std::string(command.summary) + "\n";
  }
  out += "\n" + Heading("Examples", style);
  out += Indented("faber check\nfaber run -- /bin/echo hello\n", kIndent);
  return out;
}

std::string Manual(const CommandInfo& command, Style style) {
  const std::string name = "faber " + std::string(command.name);
  std::string out = name + " - " + std::string(command.summary) + "\n\n" + Heading("Usage", style);
  out += Indented(name + " " + std::string(command.synopsis), kIndent);
  if (!command.alias.empty()) {
    out += Indented("faber " + std::string(command.alias) + " is the same.", kIndent);
  }
  out += "\n" + Heading("Description", style) + Indented(command.description, kIndent);
  out += Options(command, style);
  out += "\n" + Heading("Examples", style) + Indented(command.examples, kIndent);
  return out;
}

}  // namespace fabro::faber
