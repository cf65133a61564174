#include "fabro/config/engine/settings.h"

#include <algorithm>
#include <array>

#include "fabro/base/check.h"
#include "fabro/config/engine/checks.h"
#include "fabro/config/engine/read_value.h"
#include "fabro/config/engine/yaml.h"

namespace fabro::config::engine {
namespace {

using model::Json;

class Reader {
 public:
  explicit Reader(Loaded& loaded) : loaded_(loaded) {}

  void File(const std::string& name, const std::string& text) {
    const auto root = ParseYaml(name, text);
    if (!root.ok()) {
      // The place is already in the message.
      Add("config_syntax", "", "", root.error().message, root.error().fix);
      return;
    }
    if (root->kind == YamlNode::Kind::kNull) return;
    if (root->kind != YamlNode::Kind::kMap) {
      Add("config_invalid", name + ":1:1", "", "a map of sections is expected",
          "begin with a section, for example security:");
      return;
    }
    Section(name, *root, "");
  }

  void Environment(const std::vector<std::string>& environment) {
    for (const std::string& entry : environment) {
      const std::size_t equals = entry.find('=');
      if (!entry.starts_with("FABER_") || equals == std::string::npos) continue;
      Variable(entry.substr(0, equals), entry.substr(equals + 1));
    }
  }

  void Sets(const std::vector<std::string>& sets) {
    for (const std::string& entry : sets) {
      const std::size_t equals = entry.find('=');
      const std::string name = entry.substr(0, equals);
      const KeyInfo* key = FindKey(name);
      if (equals == std::string::npos || name.empty()) {
        Add("config_invalid", "--set", entry, "it is not KEY=VALUE",
            "write for example --set validation.mode=audit");
      } else if (key == nullptr) {
        Unknown("--set", name);
      } else {
        FromText(*key, name, {Layer::kCommandLine, "--set"}, entry.substr(equals + 1));
      }
    }
  }

 private:
  void Add(std::string code, std::string where, std::string key, std::string message,
           std::string fix) {
    loaded_.findings.push_back({Severity::kError, std::move(code), std::move(where), std::move(key),
                                std::move(message), std::move(fix)});
  }

  void Unknown(std::string where, const std::string& name) {
    const auto near = NearestKey(name);
    Add("config_key_unknown", std::move(where), name, "there is no such key",
        near ? "did you mean " + *near + "?" : "see `faber config --default` for the keys");
  }

  static std::string Place(const std::string& name, const YamlNode& node) {
    return name + ":" + std::to_string(node.line) + ":" + std::to_string(node.column);
  }

  void Section(const std::string& name, const YamlNode& map, const std::string& prefix) {
    for (std::size_t i = 0; i < map.keys.size(); ++i) {
      const std::string key = prefix.empty() ? map.keys[i].text : prefix + "." + map.keys[i].text;
      const std::string where = Place(name, map.keys[i]);
      if (const KeyInfo* info = FindKey(key)) {
        Value(*info, key, {Layer::kFile, where}, map.items[i]);
      } else if (!IsSection(key)) {
        Unknown(where, key);
      } else if (map.items[i].kind == YamlNode::Kind::kMap) {
        Section(name, map.items[i], key);
      } else if (map.items[i].kind != YamlNode::Kind::kNull) {
        Add("config_invalid", where, key, "a section is expected here", "indent its keys below it");
      }
    }
  }

  void Value(const KeyInfo& info, std::string key, Source source, const YamlNode& node) {
    auto value = ReadValue(info, node);
    if (!value.ok()) {
      Add("config_invalid", source.where, std::move(key), value.error().message, value.error().fix);
      return;
    }
    if (key == "validation.blocked_commands") key = "validation.blocked";
    loaded_.settings.Set(key, {*std::move(value), std::move(source)});
  }

  // A value outside a file: YAML on one line, where a list may also be a,b,c.
  void FromText(const KeyInfo& info, const std::string& key, Source source,
                const std::string& text) {
    const bool list = info.type == KeyType::kTextList || info.type == KeyType::kPortList;
    auto node = ParseYaml(source.where, list && !text.starts_with('[') ? "[" + text + "]" : text);
    if (!node.ok() || (node->kind == YamlNode::Kind::kMap && info.type != KeyType::kMounts)) {
      node = YamlNode{.kind = YamlNode::Kind::kScalar, .text = text};
    }
    // The value of a text key is the text, whatever it would be in YAML.
    if (info.type == KeyType::kText && !(info.nullable && node->kind == YamlNode::Kind::kNull)) {
      node = YamlNode{.kind = YamlNode::Kind::kScalar, .text = text};
    }
    Value(info, key, std::move(source), *node);
  }

  void Variable(const std::string& name, const std::string& text) {
    for (const KeyInfo& key : Keys()) {
      if (VariableOf(key.name) == name) {
        FromText(key, std::string(key.name), {Layer::kEnvironment, name}, text);
        return;
      }
    }
    // Only names that begin with one of our sections are meant for us.
    constexpr std::array<std::string_view, 10> kSections = {
        "SECURITY_",  "SANDBOX_", "RESOURCE_LIMITS_", "VALIDATION_", "LOGGING_",
        "CONTAINER_", "CGROUPS_", "IDENTITY_",        "AUTH_",       "SERVER_"};
    const std::string_view rest = std::string_view(name).substr(6);
    const auto section =
        std::ranges::find_if(kSections, [&](auto one) { return rest.starts_with(one); });
    if (section == kSections.end()) return;
    std::string key;
    for (const char c : rest) key += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    key[section->size() - 1] = '.';
    const auto near = NearestKey(key);
    Add("config_key_unknown", name, "", "no key has this variable",
        near ? "did you mean " + VariableOf(*near) + "?" : "unset it");
  }

  Loaded& loaded_;
};

}  // namespace

std::string Finding::ToString() const {
  std::string text = where;
  if (!key.empty()) text += (text.empty() ? "" : ": ") + key;
  return text + (text.empty() ? "" : ": ") + message;
}

Settings Settings::Defaults() {
  // Made once: each is a few microseconds of YAML, and every check asks for them.
  static const Settings kBuiltIn = [] {
    Settings settings;
    for (const KeyInfo& key : Keys()) {
      if (key.fallback.empty()) continue;
      const auto node = ParseYaml(key.name, key.fallback);
      CHECK(node.ok());
      auto value = ReadValue(key, *node);
      CHECK(value.ok());
      settings.Set(key.name, {*std::move(value), {}});
    }
    return settings;
  }();
  return kBuiltIn;
}

const Setting* Settings::Find(std::string_view key) const {
  const auto found = all_.find(key);
  return found == all_.end() ? nullptr : &found->second;
}

bool Settings::IsBuiltIn(std::string_view key) const {
  const Setting* setting = Find(key);
  return setting == nullptr || setting->source.layer == Layer::kBuiltIn;
}

std::optional<std::string> Settings::Text(std::string_view key) const {
  const Setting* setting = Find(key);
  const std::string* text = setting == nullptr ? nullptr : setting->value.String();
  return text == nullptr ? std::nullopt : std::optional(*text);
}

std::optional<std::uint64_t> Settings::Number(std::string_view key) const {
  const Setting* setting = Find(key);
  const std::int64_t* number = setting == nullptr ? nullptr : setting->value.Int();
  return number == nullptr ? std::nullopt : std::optional(static_cast<std::uint64_t>(*number));
}

bool Settings::Flag(std::string_view key) const {
  const Setting* setting = Find(key);
  const bool* flag = setting == nullptr ? nullptr : setting->value.Bool();
  return flag != nullptr && *flag;
}

std::vector<std::string> Settings::Texts(std::string_view key) const {
  std::vector<std::string> texts;
  const Setting* setting = Find(key);
  const Json::Array* items = setting == nullptr ? nullptr : setting->value.Items();
  if (items == nullptr) return texts;
  for (const Json& item : *items) {
    if (const std::string* text = item.String()) texts.push_back(*text);
    if (const std::int64_t* number = item.Int())
      texts.push_back(std::to_string(*number));  // A port.
  }
  return texts;
}

std::string Settings::Where(std::string_view key) const {
  const Setting* setting = Find(key);
  const std::string where = setting == nullptr ? "" : setting->source.where;
  return where + (where.empty() ? "" : ": ") + std::string(key);
}

std::string Settings::LimitKey(std::string_view limit) const {
  const std::string set = Text("limits_profile").value_or("default");
  std::string key = "resource_limits." + set + "." + std::string(limit);
  if (Find(key) != nullptr) return key;
  return "resource_limits.default." + std::string(limit);
}

void Settings::Set(std::string_view key, Setting setting) {
  all_.insert_or_assign(std::string(key), std::move(setting));
}

Loaded Load(const Inputs& inputs) {
  Loaded loaded{Settings::Defaults(), {}};
  Reader reader(loaded);
  if (inputs.file_text) reader.File(inputs.file_name, *inputs.file_text);
  reader.Environment(inputs.environment);
  reader.Sets(inputs.sets);
  const bool readable = loaded.findings.empty();
  std::vector<Finding> more = CheckSettings(loaded.settings);
  // What contradicts what is only worth saying of values that could all be read.
  if (readable) std::ranges::move(more, std::back_inserter(loaded.findings));
  std::ranges::stable_sort(loaded.findings, std::greater<>(), &Finding::severity);
  return loaded;
}

Status Usable(const std::vector<Finding>& findings) {
  for (const Finding& finding : findings) {
    if (finding.severity == Severity::kWarning) continue;
    const Code code =
        finding.severity == Severity::kNotBuilt ? Code::kUnimplemented : Code::kInvalidArgument;
    return Failure(code, finding.ToString(), finding.code, finding.fix);
  }
  return {};
}

}  // namespace fabro::config::engine
