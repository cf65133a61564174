#include "apps/faber/config_print.h"

#include <algorithm>
#include <string_view>

#include "fabro/config/engine/read_value.h"

namespace fabro::faber {
namespace {

using config::engine::Finding;
using config::engine::KeyInfo;
using config::engine::Layer;
using config::engine::Severity;
using config::engine::Source;
using model::Json;

std::string_view WordOf(Layer layer) {
  switch (layer) {
    case Layer::kBuiltIn:
      return "built-in";
    case Layer::kFile:
      return "file";
    case Layer::kEnvironment:
      return "environment";
    case Layer::kCommandLine:
      return "command line";
  }
  return "?";
}

std::string_view WordOf(Severity severity) {
  switch (severity) {
    case Severity::kWarning:
      return "warning";
    case Severity::kNotBuilt:
      return "not built";
    case Severity::kError:
      return "error";
  }
  return "?";
}

std::vector<std::string_view> PartsOf(std::string_view name) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t dot = name.find('.');
    parts.push_back(name.substr(0, dot));
    if (dot == std::string_view::npos) return parts;
    name.remove_prefix(dot + 1);
  }
}

std::string CommentOf(const Source& source) {
  return " # " + std::string(WordOf(source.layer)) +
         (source.where.empty() ? "" : ", " + source.where);
}

}  // namespace

std::string SettingsYaml(const config::engine::Settings& settings) {
  constexpr std::size_t kCommentColumn = 58;
  std::string out;
  std::vector<std::string_view> open;  // The sections that the last line was in.
  for (const auto& [name, setting] : settings.all()) {
    const KeyInfo* key = config::engine::FindKey(name);
    if (key == nullptr) continue;
    const std::vector<std::string_view> parts = PartsOf(name);
    std::size_t same = 0;
    while (same < open.size() && same + 1 < parts.size() && open[same] == parts[same]) ++same;
    open.resize(same);
    for (std::size_t i = same; i + 1 < parts.size(); ++i) {
      out += std::string(2 * i, ' ') + std::string(parts[i]) + ":\n";
      open.push_back(parts[i]);
    }
    std::string line = std::string(2 * (parts.size() - 1), ' ') + std::string(parts.back()) + ": " +
                       config::engine::WriteValue(*key, setting.value);
    if (line.size() < kCommentColumn) line.resize(kCommentColumn, ' ');
    out += line + CommentOf(setting.source) + "\n";
  }
  return out;
}

Json SettingsJson(const config::engine::Settings& settings) {
  Json json = Json::MakeObject();
  for (const auto& [name, setting] : settings.all()) {
    const KeyInfo* key = config::engine::FindKey(name);
    const bool hidden = key != nullptr && key->secret;
    Json one = Json::MakeObject().Set("value", hidden ? Json("***") : setting.value);
    one.Set("source", WordOf(setting.source.layer)).SetIfAny("where", setting.source.where);
    json.Set(name, std::move(one));
  }
  return json;
}

std::string FindingsText(const std::vector<Finding>& findings) {
  std::string out;
  for (const Finding& finding : findings) {
    out += std::string(WordOf(finding.severity)) + ": " + finding.ToString() + " (" + finding.code +
           ")\n";
    if (!finding.fix.empty()) out += "  fix: " + finding.fix + "\n";
  }
  return out;
}

Json FindingsJson(const std::vector<Finding>& findings) {
  Json list = Json::MakeArray();
  for (const Finding& finding : findings) {
    Json one = Json::MakeObject()
                   .Set("severity", finding.severity == Severity::kNotBuilt
                                        ? Json("not_built")
                                        : Json(WordOf(finding.severity)))
                   .Set("code", finding.code);
    one.SetIfAny("where", finding.where).SetIfAny("key", finding.key);
    one.Set("message", finding.message).SetIfAny("fix", finding.fix);
    list.Push(std::move(one));
  }
  return list;
}

}  // namespace fabro::faber
