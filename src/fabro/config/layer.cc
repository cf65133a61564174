#include "fabro/config/layer.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <utility>

#include "fabro/config/schema.h"

namespace fabro::config {
namespace {

namespace fs = std::filesystem;
using Kind = TomlValue::Kind;

class LayerReader {
 public:
  LayerReader(LayerKind kind, const std::string& file) : file_(file) { layer_.kind = kind; }

  tl::expected<Layer, std::vector<Problem>> Run(const TomlValue& document) {
    Table(document, "");
    if (layer_.entries.count("run.goal") > 0 && layer_.entries.count("run.goal_file") > 0) {
      Report(document, "run.goal_file", "'goal' and 'goal_file' cannot both be set");
    }
    if (!problems_.empty()) return tl::unexpected(std::move(problems_));
    return std::move(layer_);
  }

 private:
  void Report(const TomlValue& at, const std::string& path, std::string message,
              std::string hint = {}) {
    problems_.push_back({file_, at.line, at.column, path, std::move(message), std::move(hint)});
  }
  void Table(const TomlValue& table, const std::string& prefix);
  void Unknown(const TomlValue& value, const std::string& path);
  void Setting(const Row& row, const TomlValue& value, const std::string& path);
  void Text(const Row& row, const TomlValue& value, const std::string& path);
  void Size(const TomlValue& value, const std::string& path);
  void Goal(const TomlValue& value, const std::string& path);
  void Strings(const TomlValue& value, const std::string& path, bool numbers);
  void Scalars(const TomlValue& value, const std::string& path, bool texts_only);
  void Steps(const TomlValue& value, const std::string& path);
  bool Step(const TomlValue& value, const std::string& path, PrepareStep& step);
  void Set(const TomlValue& value, const std::string& path, SettingValue setting) {
    Origin origin{layer_.kind,
                  file_ + ":" + std::to_string(value.line) + ":" + std::to_string(value.column)};
    layer_.entries[path] = {std::move(setting), std::move(origin)};
  }
  // A path in a file starts at the file.
  std::string FromFile(const std::string& path) const {
    return (fs::path(file_).parent_path() / path).lexically_normal().string();
  }

  const std::string& file_;
  Layer layer_;
  std::vector<Problem> problems_;
};

const std::string& TextOf(const TomlValue& value) {
  return std::get<std::string>(value.scalar.data);
}

void LayerReader::Table(const TomlValue& table, const std::string& prefix) {
  for (const auto& [key, value] : table.members) {
    const std::string path = prefix.empty() ? key : prefix + "." + key;
    if (const Row* row = FindRow(path)) {
      Setting(*row, value, path);
    } else if (!IsTablePath(path)) {
      Unknown(value, path);
    } else if (value.kind != Kind::kTable) {
      Report(value, path, "a table is expected");
    } else {
      Table(value, path);
    }
  }
}

void LayerReader::Unknown(const TomlValue& value, const std::string& path) {
  const std::string_view now = NewNameOf(path);
  if (!now.empty()) return Report(value, path, "old key", "write " + std::string(now));
  const std::string nearest = NearestKey(path);
  Report(value, path, "unknown key", nearest.empty() ? "" : "did you mean '" + nearest + "'?");
}

void LayerReader::Setting(const Row& row, const TomlValue& value, const std::string& path) {
  if (row.machine_only && layer_.kind != LayerKind::kMachine) {
    return Report(value, path, "only your own settings file may set this",
                  "move it to ~/.fabro/settings.toml");
  }
  const auto* whole = std::get_if<std::int64_t>(&value.scalar.data);
  switch (row.type) {
    case Type::kIgnored:
      return;
    case Type::kLater:
      return Report(value, path, "not supported yet");
    case Type::kString:
    case Type::kDuration:
      return Text(row, value, path);
    case Type::kBool:
      if (value.kind != Kind::kBoolean) return Report(value, path, "true or false is expected");
      return Set(value, path, std::get<bool>(value.scalar.data));
    case Type::kCount:
      if (value.kind != Kind::kInteger || *whole < 0) {
        return Report(value, path, "a whole number, 0 or more, is expected");
      }
      if (path == "_version" && *whole != 1) {
        return Report(value, path, "this version of the schema is unknown", "write _version = 1");
      }
      return Set(value, path, *whole);
    case Type::kSize:
      return Size(value, path);
    case Type::kGoal:
      return Goal(value, path);
    case Type::kStrings:
      return Strings(value, path, false);
    case Type::kPorts:
      return Strings(value, path, true);
    case Type::kScalars:
      return Scalars(value, path, false);
    case Type::kTexts:
      return Scalars(value, path, true);
    case Type::kSteps:
      return Steps(value, path);
  }
}

void LayerReader::Text(const Row& row, const TomlValue& value, const std::string& path) {
  if (value.kind != Kind::kString) return Report(value, path, "a string is expected");
  const std::string& text = TextOf(value);
  if (row.type == Type::kDuration) {
    const auto span = ParseDuration(text);
    if (!span.ok()) return Report(value, path, span.error().message, span.error().fix);
    return Set(value, path, *span);
  }
  if (!row.choices.empty()) {
    const std::string all = "|" + std::string(row.choices) + "|";
    if (text.empty() || all.find("|" + text + "|") == std::string::npos) {
      return Report(value, path, "'" + text + "' is not supported",
                    "write one of " + std::string(row.choices));
    }
  }
  if (path == "workflow.graph" || path == "run.goal_file") {
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

bool LayerReader::Step(const TomlValue& value, const std::string& path, PrepareStep& step) {
  for (const auto& [key, member] : value.members) {
    if (key == "script" && member.kind == Kind::kString) {
      step.script = TextOf(member);
    } else if (key == "timeout" && member.kind == Kind::kString) {
      const auto span = ParseDuration(TextOf(member));
      if (!span.ok()) {
        Report(member, path + ".timeout", span.error().message, span.error().fix);
        return false;
      }
      step.timeout = *span;
    } else if (key == "command" && member.kind == Kind::kList) {
      for (const TomlValue& word : member.items) {
        if (word.kind == Kind::kString) step.command.push_back(TextOf(word));
      }
      if (step.command.size() != member.items.size()) {
        Report(member, path + ".command", "a list of strings is expected");
        return false;
      }
    } else if (key == "env" && member.kind == Kind::kTable) {
      for (const auto& [name, text] : member.members) {
        if (text.kind == Kind::kString) step.env[name] = TextOf(text);
      }
      if (step.env.size() != member.members.size()) {
        Report(member, path + ".env", "a table of strings is expected");
        return false;
      }
    } else {
      Report(member, path + "." + key, "this key or its type is unknown",
             "a step has script or command, and env and timeout");
      return false;
    }
  }
  return true;
}

void LayerReader::Steps(const TomlValue& value, const std::string& path) {
  if (value.kind != Kind::kList) {
    return Report(value, path, "a list of tables is expected", "write [[run.prepare.steps]]");
  }
  std::vector<PrepareStep> steps;
  for (const TomlValue& item : value.items) {
    PrepareStep step;
    if (item.kind != Kind::kTable) return Report(item, path, "a table is expected");
    if (!Step(item, path, step)) return;
    if (step.script.empty() == step.command.empty()) {
      return Report(item, path, "a step has either 'script' or 'command'");
    }
    steps.push_back(std::move(step));
  }
  Set(value, path, std::move(steps));
}

Entry FlagEntry(SettingValue value, std::string flag) {
  return {std::move(value), {LayerKind::kFlags, std::move(flag)}};
}

}  // namespace

tl::expected<Layer, std::vector<Problem>> ReadLayer(LayerKind kind, std::string_view text,
                                                    const std::string& file) {
  const auto document = ParseToml(text, file);
  if (!document) return tl::unexpected(std::vector<Problem>{document.error()});
  return LayerReader(kind, file).Run(*document);
}

Result<Layer> LoadLayer(LayerKind kind, const std::string& file) {
  Layer none;
  none.kind = kind;
  std::error_code failed;
  const fs::file_status status = fs::status(file, failed);
  if (status.type() == fs::file_type::not_found) return none;
  if (failed) return SysFailureOf(failed.value(), "stat", file);
  if (status.type() != fs::file_type::regular) {
    return Failure(Code::kInvalidArgument, "'" + file + "' is not a regular file", "bad_settings");
  }
  std::ifstream stream(file, std::ios::binary);
  if (!stream)
    return Failure(Code::kPermissionDenied, "cannot open '" + file + "'", "bad_settings");
  std::string text;
  std::array<char, 1U << 14U> chunk{};
  while (stream && text.size() <= kMaxTomlSize.bytes()) {
    stream.read(chunk.data(), chunk.size());
    text.append(chunk.data(), static_cast<std::size_t>(stream.gcount()));
  }
  auto layer = ReadLayer(kind, text, file);
  if (layer) return *std::move(layer);
  std::string message;
  for (const Problem& problem : layer.error()) {
    if (!message.empty()) message += "\n";
    message += ToString(problem);
  }
  return Failure(Code::kInvalidArgument, std::move(message), "bad_settings");
}

Layer EnvironmentLayer(
    const std::function<std::optional<std::string>(const char* name)>& variable) {
  struct Variable {
    const char* name;
    const char* path;
  };
  constexpr std::array<Variable, 4> kVariables{{{"FABRO_ENVIRONMENT", "run.environment.id"},
                                                {"FABRO_GOAL", "run.goal"},
                                                {"FABRO_GOAL_FILE", "run.goal_file"},
                                                {"FABRO_WORKING_DIR", "run.working_dir"}}};
  Layer layer;
  layer.kind = LayerKind::kEnvironment;
  for (const Variable& known : kVariables) {
    auto text = variable(known.name);
    if (!text || text->empty()) continue;
    layer.entries[known.path] = {*std::move(text), {LayerKind::kEnvironment, known.name}};
  }
  return layer;
}

Result<Layer> FlagLayer(const Flags& flags) {
  Layer layer;
  layer.kind = LayerKind::kFlags;
  if (flags.goal && flags.goal_file) {
    return Failure(Code::kInvalidArgument, "--goal and --goal-file cannot both be given",
                   "flag_conflict");
  }
  if (flags.goal) layer.entries["run.goal"] = FlagEntry(*flags.goal, "--goal");
  if (flags.goal_file) layer.entries["run.goal_file"] = FlagEntry(*flags.goal_file, "--goal-file");
  if (flags.environment) {
    layer.entries["run.environment.id"] = FlagEntry(*flags.environment, "--environment");
  }
  templates::Map inputs;
  for (const std::string& argument : flags.inputs) {
    auto input = TRY(ParseInput(argument));
    inputs.Set(std::move(input.first), std::move(input.second));
  }
  if (!inputs.members.empty()) layer.entries["run.inputs"] = FlagEntry(std::move(inputs), "-I");
  templates::Map labels;
  for (const std::string& argument : flags.labels) {
    const std::size_t equals = argument.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return Failure(Code::kInvalidArgument, "'" + argument + "' is no label: it reads key=value",
                     "bad_label");
    }
    labels.Set(argument.substr(0, equals), argument.substr(equals + 1));
  }
  if (!labels.members.empty())
    layer.entries["run.labels"] = FlagEntry(std::move(labels), "--label");
  return layer;
}

}  // namespace fabro::config
