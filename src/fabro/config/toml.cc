#include "fabro/config/toml.h"

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_WINDOWS_COMPAT 0
#include <toml++/toml.h>

#include <algorithm>

namespace fabro::config {
namespace {

TomlValue Convert(const toml::node& node) {
  TomlValue value;
  value.line = node.source().begin.line;
  value.column = node.source().begin.column;
  if (const auto* table = node.as_table()) {
    value.kind = TomlValue::Kind::kTable;
    for (const auto& [key, member] : *table) {
      TomlValue converted = Convert(member);
      // The place of a setting is that of its key.
      converted.line = key.source().begin.line;
      converted.column = key.source().begin.column;
      value.members.emplace_back(std::string(key.str()), std::move(converted));
    }
    std::stable_sort(value.members.begin(), value.members.end(), [](const auto& a, const auto& b) {
      return std::pair(a.second.line, a.second.column) < std::pair(b.second.line, b.second.column);
    });
  } else if (const auto* list = node.as_array()) {
    value.kind = TomlValue::Kind::kList;
    for (const toml::node& item : *list) value.items.push_back(Convert(item));
  } else if (const auto* text = node.as_string()) {
    value.kind = TomlValue::Kind::kString;
    value.scalar = templates::Value(text->get());
  } else if (const auto* whole = node.as_integer()) {
    value.kind = TomlValue::Kind::kInteger;
    value.scalar = templates::Value(whole->get());
  } else if (const auto* real = node.as_floating_point()) {
    value.kind = TomlValue::Kind::kFloat;
    value.scalar = templates::Value(real->get());
  } else if (const auto* flag = node.as_boolean()) {
    value.kind = TomlValue::Kind::kBoolean;
    value.scalar = templates::Value(flag->get());
  }
  return value;
}

}  // namespace

std::string ToString(const Problem& problem) {
  std::string text = problem.file;
  if (problem.line > 0) {
    text += ":" + std::to_string(problem.line) + ":" + std::to_string(problem.column);
  }
  if (!text.empty()) text += ": ";
  if (!problem.path.empty()) text += problem.path + ": ";
  text += problem.message;
  if (!problem.hint.empty()) text += "; " + problem.hint;
  return text;
}

TomlValue::TomlValue() = default;

const TomlValue* TomlValue::Find(std::string_view name) const {
  for (const auto& [key, member] : members) {
    if (key == name) return &member;
  }
  return nullptr;
}

tl::expected<TomlValue, Problem> ParseToml(std::string_view text, const std::string& file) {
  if (text.size() > kMaxTomlSize.bytes()) {
    return tl::unexpected(
        Problem{file, 0, 0, {}, "the file is larger than " + ToString(kMaxTomlSize), {}});
  }
  const toml::parse_result parsed = toml::parse(text, file);
  if (!parsed) {
    const auto& error = parsed.error();
    return tl::unexpected(Problem{file,
                                  error.source().begin.line,
                                  error.source().begin.column,
                                  {},
                                  "no valid TOML: " + std::string(error.description()),
                                  {}});
  }
  return Convert(parsed.table());
}

Result<std::pair<std::string, templates::Value>> ParseInput(std::string_view argument) {
  const std::size_t equals = argument.find('=');
  const std::string name(argument.substr(0, std::min(equals, argument.size())));
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  };
  if (equals == std::string_view::npos || name.empty() ||
      !std::all_of(name.begin(), name.end(), allowed)) {
    return Failure(Code::kInvalidArgument,
                   "'" + std::string(argument) + "' is no input: it reads name=value", "bad_input",
                   "names are letters, digits, '_' and '-'");
  }
  const std::string text(argument.substr(equals + 1));
  std::pair<std::string, templates::Value> input{name, templates::Value(text)};
  // A line end or a comment would let TOML see less than what was written.
  const bool quoted = text.size() > 1 && (text.front() == '"' || text.front() == '\'') &&
                      text.back() == text.front();
  if (text.find('\n') != std::string::npos) return input;
  if (text.find('#') != std::string::npos && !quoted) return input;
  const toml::parse_result parsed = toml::parse("v = " + text + "\n");
  if (!parsed || parsed.table().size() != 1) return input;
  const TomlValue value = Convert(*parsed.table().get("v"));
  if (value.kind <= TomlValue::Kind::kBoolean) input.second = value.scalar;
  return input;
}

}  // namespace fabro::config
