// The engine's configuration after all layers: each key's value, and who said it.
//
// Precedence: built-in < file < environment < command line. Reading is pure: the caller brings the
// texts. Nothing is ignored: what cannot be read, is out of range, is not known, contradicts
// something else or asks for a layer that this build lacks is a Finding.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/config/engine/keys.h"
#include "fabro/model/json.h"

namespace fabro::config::engine {

enum class Layer { kBuiltIn, kFile, kEnvironment, kCommandLine };

struct Source {
  Layer layer = Layer::kBuiltIn;
  std::string where = {};  // "faber.yaml:3:5", "FABER_LOGGING_LEVEL", "--set"; empty: built-in.
};

struct Setting {
  model::Json value;  // Bytes, nanoseconds and counts as integers; null: none.
  Source source;
};

// kNotBuilt: right, but the layer behind it is not in this build, so a command is refused.
enum class Severity { kWarning, kNotBuilt, kError };

struct Finding {
  Severity severity = Severity::kError;
  std::string code;   // "config_key_unknown", "CFG_NETNS_IMPLIED" and so on.
  std::string where;  // As in Source.
  std::string key;
  std::string message;
  std::string fix;

  std::string ToString() const;  // "faber.yaml:3:5: key: message".
};

class Settings {
 public:
  // Every key that has a built-in value.
  static Settings Defaults();

  const Setting* Find(std::string_view key) const;
  bool IsBuiltIn(std::string_view key) const;  // Also when it has no value.
  // The value, or nothing when there is none or it is null.
  std::optional<std::string> Text(std::string_view key) const;
  std::optional<std::uint64_t> Number(std::string_view key) const;
  bool Flag(std::string_view key) const;
  std::vector<std::string> Texts(std::string_view key) const;
  std::string Where(std::string_view key) const;  // "faber.yaml:3:5: key", for an error about it.

  // The key of a limit in the set that limits_profile chose, when that set has it; else default's.
  std::string LimitKey(std::string_view limit) const;

  void Set(std::string_view key, Setting setting);
  const std::map<std::string, Setting, std::less<>>& all() const { return all_; }

 private:
  std::map<std::string, Setting, std::less<>> all_;
};

struct Inputs {
  std::string file_name = {};  // As it shall stand in errors.
  std::optional<std::string> file_text = {};
  std::vector<std::string> environment =
      {};                              // "NAME=value"; others than FABER_… are not looked at.
  std::vector<std::string> sets = {};  // "key=value" of the command line.
};

struct Loaded {
  Settings settings;
  std::vector<Finding> findings;  // Errors first.
};

Loaded Load(const Inputs& inputs);

// The first error, or refusal of what is not built; done when there is none.
Status Usable(const std::vector<Finding>& findings);

}  // namespace fabro::config::engine
