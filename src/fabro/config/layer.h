// One layer of settings: a file, the process environment or the flags, checked against the schema.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/config/settings.h"
#include "fabro/config/toml.h"

namespace fabro::config {

using SettingValue =
    std::variant<std::string, bool, std::int64_t, double, Nanos, ByteSize, std::vector<std::string>,
                 templates::Map, std::vector<PrepareStep>, Fallbacks, std::vector<Hook>>;

struct Entry {
  SettingValue value;
  Origin origin;
};

struct Layer {
  LayerKind kind = LayerKind::kBuiltIn;
  std::map<std::string, Entry, std::less<>> entries;  // By path.
  std::vector<std::string> notes;                     // Old keys that were read, a line each.
};

// A settings file's text. All problems of the file, not only the first. Paths in it (graph,
// goal_file) become paths from where `file` is named.
[[nodiscard]] tl::expected<Layer, std::vector<Problem>> ReadLayer(LayerKind kind,
                                                                  std::string_view text,
                                                                  const std::string& file);

// The same of a file on disk; an absent file is an empty layer. Error: bad_settings, whose message
// lists all problems, a line each.
Result<Layer> LoadLayer(LayerKind kind, const std::string& file);

// FABRO_ENVIRONMENT, FABRO_GOAL, FABRO_GOAL_FILE, FABRO_WORKING_DIR, FABRO_MODEL, FABRO_PROVIDER,
// FABRO_PERMISSIONS. Empty ones count as unset.
Layer EnvironmentLayer(const std::function<std::optional<std::string>(const char* name)>& variable);

// What the command line says about settings.
struct Flags {
  std::optional<std::string> goal{};
  std::optional<std::string> goal_file{};
  std::optional<std::string> environment{};
  std::optional<std::string> model{};
  std::optional<std::string> provider{};
  std::optional<std::string> permissions{};
  bool auto_approve = false;
  bool dry_run = false;
  std::vector<std::string> inputs{};  // "name=value"
  std::vector<std::string> labels{};  // "key=value"
  std::vector<std::string> budget{};  // "tokens=100000"
};

// Errors: bad_input, bad_label, bad_budget, flag_conflict.
Result<Layer> FlagLayer(const Flags& flags);

}  // namespace fabro::config
