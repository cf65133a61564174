// A parsed TOML document as one layer: every key checked against the schema. Internal to the room.
#pragma once

#include <string>
#include <vector>

#include "fabro/config/layer.h"
#include "fabro/config/toml.h"

namespace fabro::config {

class LayerReader {
 public:
  LayerReader(LayerKind kind, const std::string& file) : file_(file) { layer_.kind = kind; }

  tl::expected<Layer, std::vector<Problem>> Run(const TomlValue& document);

 private:
  // Keys and tables: read_layer.cc.
  void Table(const TomlValue& table, const std::string& prefix);
  void Key(const TomlValue& value, const std::string& path);
  bool Old(const TomlValue& value, const std::string& path);
  void Unknown(const TomlValue& value, const std::string& path);

  // One setting: read_value.cc.
  void Setting(const TomlValue& value, const std::string& path);
  void Number(const TomlValue& value, const std::string& path);
  void Count(const TomlValue& value, const std::string& path, std::int64_t least);
  void Text(const TomlValue& value, const std::string& path);
  void Size(const TomlValue& value, const std::string& path);
  void Goal(const TomlValue& value, const std::string& path);
  void Strings(const TomlValue& value, const std::string& path, bool numbers);
  void Scalars(const TomlValue& value, const std::string& path, bool texts_only);

  // Tables in lists: read_records.cc.
  void Steps(const TomlValue& value, const std::string& path);
  bool Step(const TomlValue& value, const std::string& path, PrepareStep& step);
  void OldSetup(const TomlValue& value, const std::string& path);
  void FallbackModels(const TomlValue& value, const std::string& path);
  void Hooks(const TomlValue& value, const std::string& path);
  bool HookOf(const TomlValue& value, const std::string& path, Hook& hook);

  void Report(const TomlValue& at, const std::string& path, std::string message,
              std::string hint = {}) {
    problems_.push_back({file_, at.line, at.column, path, std::move(message), std::move(hint)});
  }
  void Note(const TomlValue& at, const std::string& path, std::string message) {
    layer_.notes.push_back(
        ToString(Problem{file_, at.line, at.column, path, std::move(message), {}}));
  }
  Origin OriginOf(const TomlValue& value) const {
    return {layer_.kind,
            file_ + ":" + std::to_string(value.line) + ":" + std::to_string(value.column)};
  }
  void Set(const TomlValue& value, const std::string& path, SettingValue setting);
  // A path in a file starts at the file.
  std::string FromFile(const std::string& path) const;

  const std::string& file_;
  Layer layer_;
  std::vector<Problem> problems_;
  std::optional<Nanos> old_setup_timeout_;
};

// The text of a kString.
const std::string& TextOf(const TomlValue& value);
// All items as texts; empty when one is none.
std::optional<std::vector<std::string>> TextsOf(const TomlValue& value);
std::optional<std::map<std::string, std::string>> TextMapOf(const TomlValue& value);

}  // namespace fabro::config
