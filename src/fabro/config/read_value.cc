// One setting of a file: its type, its range, its words.
#include <utility>

#include "fabro/config/read_layer.h"
#include "fabro/config/schema.h"

namespace fabro::config {
namespace {

using Kind = TomlValue::Kind;

// Settings that are paths; in a file they start at the file.
bool IsPath(std::string_view path) {
  return path == "workflow.graph" || path == "run.goal_file" ||
         (path.starts_with("llm.providers.") && path.ends_with(".file"));
}

}  // namespace

void LayerReader::Setting(const TomlValue& value, const std::string& path) {
  const Row& row = *FindRow(path);
  if (row.where == Row::Where::kMachineOnly && layer_.kind != LayerKind::kMachine) {
    return Report(value, path, "only your own settings file may set this",
                  "move it to ~/.fabro/settings.toml");
  }
  if (row.where == Row::Where::kMachineElseInert && layer_.kind != LayerKind::kMachine) return;
  switch (row.type) {
    case Type::kIgnored:
      return;
    case Type::kLater:
      return Report(value, path, "not supported yet");
    case Type::kString:
    case Type::kDuration:
      return Text(value, path);
    case Type::kBool:
      if (value.kind != Kind::kBoolean) return Report(value, path, "true or false is expected");
      return Set(value, path, std::get<bool>(value.scalar.data));
    case Type::kCount:
      return Count(value, path, 0);
    case Type::kPositive:
      return Count(value, path, 1);
    case Type::kNumber:
      return Number(value, path);
    case Type::kSize:
      return Size(value, path);
    case Type::kGoal:
      return Goal(value, path);
    case Type::kStrings:
    case Type::kInherited:
      return Strings(value, path, false);
    case Type::kPorts:
      return Strings(value, path, true);
    case Type::kScalars:
      return Scalars(value, path, false);
    case Type::kTexts:
      return Scalars(value, path, true);
    case Type::kSteps:
      return Steps(value, path);
    case Type::kFallbacks:
      return FallbackModels(value, path);
    case Type::kHooks:
      return Hooks(value, path);
  }
}

void LayerReader::Count(const TomlValue& value, const std::string& path, std::int64_t least) {
  const auto* whole = std::get_if<std::int64_t>(&value.scalar.data);
  if (value.kind != Kind::kInteger || *whole < least) {
    return Report(value, path,
                  "a whole number, " + std::to_string(least) + " or more, is expected");
  }
  if (path == "_version" && *whole != 1) {
    return Report(value, path, "this version of the schema is unknown", "write _version = 1");
  }
  Set(value, path, *whole);
}

void LayerReader::Number(const TomlValue& value, const std::string& path) {
  double number = 0;
  if (value.kind == Kind::kInteger) {
    number = static_cast<double>(std::get<std::int64_t>(value.scalar.data));
  } else if (value.kind == Kind::kFloat) {
    number = std::get<double>(value.scalar.data);
  }
  constexpr double kMost = 1e12;
  // The comparison is false for NaN as well.
  if (!(number > 0 && number <= kMost)) return Report(value, path, "a number above 0 is expected");
  Set(value, path, number);
}

void LayerReader::Text(const TomlValue& value, const std::string& path) {
  const Row& row = *FindRow(path);
  if (value.kind != Kind::kString) return Report(value, path, "a string is expected");
  const std::string& text = TextOf(value);
  if (row.type == Type::kDuration) {
    const auto span = ParseDuration(text);
    if (!span.ok()) return Report(value, path, span.error().message, span.error().fix);
    return Set(value, path, *span);
  }
  if (!row.choices.empty()) {
    const std::string all = "|" + std::string(row.choices) + "|";
    if (text.empty() || text.find('|') != std::string::npos ||
        all.find("|" + text + "|") == std::string::npos) {
      return Report(value, path, "'" + text + "' is not supported",
                    "write one of " + std::string(row.choices));
    }
  }
  if (IsPath(path)) {
    if (text.empty()) return Report(value, path, "a path is expected");
    return Set(value, path, FromFile(text));
  }
  Set(value, path, text);
}

void LayerReader::Size(const TomlValue& value, const std::string& path) {
  constexpr std::uint64_t kGigabyte = 1'000'000'000;
  if (value.kind == Kind::kInteger) {
    const std::int64_t number = std::get<std::int64_t>(value.scalar.data);
    if (number < 1 || number > 1'000'000) {
      return Report(value, path, "a size in gigabytes is 1 to 1000000", "or write \"512MiB\"");
    }
    return Set(value, path, ByteSize(static_cast<std::uint64_t>(number) * kGigabyte));
  }
  if (value.kind != Kind::kString) return Report(value, path, "a size is expected, as in \"4GB\"");
  const auto size = ParseByteSize(TextOf(value));
  if (!size.ok()) return Report(value, path, size.error().message, size.error().fix);
  if (size->bytes() == 0) return Report(value, path, "a size of 0 leaves no room");
  Set(value, path, *size);
}

void LayerReader::Goal(const TomlValue& value, const std::string& path) {
  if (value.kind == Kind::kString) return Set(value, path, TextOf(value));
  const TomlValue* file = value.Find("file");
  if (value.kind == Kind::kTable && value.members.size() == 1 && file != nullptr &&
      file->kind == Kind::kString && !TextOf(*file).empty()) {
    return Set(value, "run.goal_file", FromFile(TextOf(*file)));
  }
  Report(value, path, "a string or { file = \"path\" } is expected");
}

void LayerReader::Strings(const TomlValue& value, const std::string& path, bool numbers) {
  if (value.kind != Kind::kList)
    return Report(value, path, numbers ? "a list is expected" : "a list of strings is expected");
  std::vector<std::string> texts;
  for (const TomlValue& item : value.items) {
    if (numbers && item.kind == Kind::kInteger) {
      texts.push_back(std::to_string(std::get<std::int64_t>(item.scalar.data)));
      continue;
    }
    if (item.kind != Kind::kString) return Report(item, path, "a string is expected");
    texts.push_back(TextOf(item));
  }
  Set(value, path, std::move(texts));
}

void LayerReader::Scalars(const TomlValue& value, const std::string& path, bool texts_only) {
  if (value.kind != Kind::kTable) return Report(value, path, "a table is expected");
  templates::Map map;
  for (const auto& [key, member] : value.members) {
    const bool fits = texts_only ? member.kind == Kind::kString : member.kind <= Kind::kBoolean;
    if (!fits) {
      Report(member, path + "." + key,
             texts_only ? "a string is expected" : "a string, number or boolean is expected");
      continue;
    }
    map.Set(key, member.scalar);
  }
  Set(value, path, std::move(map));
}

}  // namespace fabro::config
