#include "fabro/config/read_layer.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "fabro/config/schema.h"

namespace fabro::config {
namespace {

using Kind = TomlValue::Kind;

// Names that users give to tables: they become parts of paths.
bool IsPlainName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

}  // namespace

tl::expected<Layer, std::vector<Problem>> LayerReader::Run(const TomlValue& document) {
  Table(document, "");
  if (layer_.entries.contains("run.goal") && layer_.entries.contains("run.goal_file")) {
    Report(document, "run.goal_file", "'goal' and 'goal_file' cannot both be set");
  }
  if (old_setup_timeout_) {
    const auto steps = layer_.entries.find("run.prepare.steps");
    if (steps != layer_.entries.end()) {
      for (PrepareStep& step : std::get<std::vector<PrepareStep>>(steps->second.value)) {
        step.timeout = *old_setup_timeout_;
      }
    }
  }
  if (!problems_.empty()) return tl::unexpected(std::move(problems_));
  return std::move(layer_);
}

void LayerReader::Table(const TomlValue& table, const std::string& prefix) {
  for (const auto& [key, value] : table.members) {
    const std::string path = prefix.empty() ? key : prefix + "." + key;
    if (!IsPlainName(key)) {  // "a.b" in quotes is one key, and none of ours.
      Report(value, path, "no key has this name", "use letters, digits, '_' and '-'");
    } else if (!Old(value, path)) {
      Key(value, path);
    }
  }
}

void LayerReader::Key(const TomlValue& value, const std::string& path) {
  if (FindRow(path) != nullptr) return Setting(value, path);
  if (!IsTablePath(path)) return Unknown(value, path);
  if (value.kind != Kind::kTable) return Report(value, path, "a table is expected");
  Table(value, path);
}

// True when `path` is an old key: what it holds is then read as if it stood in its new place.
bool LayerReader::Old(const TomlValue& value, const std::string& path) {
  const OldKey* old = FindOldKey(path);
  // These tables have old keys beside what is theirs today.
  const bool shared = path == "llm" || path == "server" || path == "features";
  if (old == nullptr) {
    const bool parent = path == "setup" || path == "git" || path == "retro" || shared;
    if (!parent || value.kind != Kind::kTable) return false;
    Table(value, path);
    return true;
  }
  const std::string now(old->now);
  if (!old->readable) {
    Report(value, path, "old key", "write " + AsWritten(now));
    return true;
  }
  Note(value, path, "old key, read as " + AsWritten(now));
  if (path == "setup.commands" || path == "setup.timeout_ms") {
    OldSetup(value, path);
  } else if (path == "verbose") {
    const bool* on = std::get_if<bool>(&value.scalar.data);
    if (on == nullptr) {
      Report(value, path, "true or false is expected");
    } else if (layer_.kind == LayerKind::kMachine) {
      Set(value, now, std::string(*on ? "verbose" : "normal"));
    }
  } else {
    Key(value, now);
  }
  return true;
}

void LayerReader::Unknown(const TomlValue& value, const std::string& path) {
  const std::string nearest = NearestKey(path);
  Report(value, path, "unknown key", nearest.empty() ? "" : "did you mean '" + nearest + "'?");
}

void LayerReader::Set(const TomlValue& value, const std::string& path, SettingValue setting) {
  const auto [entry, fresh] = layer_.entries.try_emplace(path);
  // TOML itself refuses a key that is there twice: the other one has the old name.
  if (!fresh) {
    return Report(value, path, "is set twice, here and at " + entry->second.origin.place,
                  "keep one, by its new name");
  }
  entry->second = {std::move(setting), OriginOf(value)};
}

std::string LayerReader::FromFile(const std::string& path) const {
  const std::filesystem::path own(file_);
  return (own.parent_path() / path).lexically_normal().string();
}

const std::string& TextOf(const TomlValue& value) {
  return std::get<std::string>(value.scalar.data);
}

std::optional<std::vector<std::string>> TextsOf(const TomlValue& value) {
  if (value.kind != Kind::kList) return std::nullopt;
  std::vector<std::string> texts;
  for (const TomlValue& item : value.items) {
    if (item.kind != Kind::kString) return std::nullopt;
    texts.push_back(TextOf(item));
  }
  return texts;
}

std::optional<std::map<std::string, std::string>> TextMapOf(const TomlValue& value) {
  if (value.kind != Kind::kTable) return std::nullopt;
  std::map<std::string, std::string> texts;
  for (const auto& [name, text] : value.members) {
    if (text.kind != Kind::kString) return std::nullopt;
    texts[name] = TextOf(text);
  }
  return texts;
}

tl::expected<Layer, std::vector<Problem>> ReadLayer(LayerKind kind, std::string_view text,
                                                    const std::string& file) {
  const auto document = ParseToml(text, file);
  if (!document) return tl::unexpected(std::vector<Problem>{document.error()});
  return LayerReader(kind, file).Run(*document);
}

}  // namespace fabro::config
