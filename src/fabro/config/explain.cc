#include "fabro/config/explain.h"

#include <algorithm>
#include <set>
#include <utility>

#include "fabro/config/schema.h"
#include "fabro/config/toml.h"

namespace fabro::config {
namespace {

using templates::Value;

Value Hidden(const Value& value) {
  const std::string text = templates::TextOf(value);
  const bool reference =
      text.starts_with("{{") && text.ends_with("}}") && text.find("}}") == text.size() - 2;
  return reference ? value : Value("***");
}

Value ListOf(const std::vector<std::string>& texts) {
  templates::List list;
  for (const std::string& text : texts) list.emplace_back(text);
  return list;
}

Value HiddenMap(const std::map<std::string, std::string>& texts) {
  templates::Map map;
  for (const auto& [name, text] : texts) map.Set(name, Hidden(Value(text)));
  return map;
}

Value Shown(const PrepareStep& step) {
  templates::Map map;
  if (!step.script.empty()) map.Set("script", step.script);
  if (!step.command.empty()) map.Set("command", ListOf(step.command));
  if (!step.env.empty()) map.Set("env", HiddenMap(step.env));
  map.Set("timeout", fabro::ToString(step.timeout));
  return map;
}

Value Shown(const Hook& hook) {
  templates::Map map;
  if (!hook.id.empty()) map.Set("id", hook.id);
  map.Set("event", ListOf(hook.events));
  map.Set("type", hook.type);
  for (const auto& [key, text] :
       {std::pair("script", &hook.script), std::pair("url", &hook.url),
        std::pair("prompt", &hook.prompt), std::pair("matcher", &hook.matcher)}) {
    if (!text->empty()) map.Set(key, *text);
  }
  if (!hook.command.empty()) map.Set("command", ListOf(hook.command));
  if (!hook.headers.empty()) map.Set("headers", HiddenMap(hook.headers));
  map.Set("sandbox", hook.sandbox);
  return map;
}

struct ToValue {
  bool hide = false;

  Value operator()(const std::string& text) const { return hide ? Hidden(text) : Value(text); }
  Value operator()(bool flag) const { return flag; }
  Value operator()(std::int64_t number) const { return number; }
  Value operator()(double number) const { return number; }
  Value operator()(Nanos span) const { return fabro::ToString(span); }
  Value operator()(ByteSize size) const { return fabro::ToString(size); }
  Value operator()(const std::vector<std::string>& texts) const { return ListOf(texts); }
  Value operator()(const templates::Map& map) const {
    if (!hide) return map;
    templates::Map hidden;
    for (const templates::Member& member : map.members) {
      hidden.Set(member.name, Hidden(member.value));
    }
    return hidden;
  }
  Value operator()(const Fallbacks& fallbacks) const {
    if (fallbacks.of_model.empty()) return ListOf(fallbacks.all);
    templates::Map map;
    for (const auto& [model, list] : fallbacks.of_model) map.Set(model, ListOf(list));
    return map;
  }
  template <typename Record>
  Value operator()(const std::vector<Record>& records) const {
    templates::List list;
    for (const Record& record : records) list.push_back(Shown(record));
    return list;
  }
};

Value ValueOf(std::string_view path, const SettingValue& value) {
  return std::visit(ToValue{path.ends_with(".env") || path.ends_with(".headers")}, value);
}

// "\"pause\"", "4096", "[80, 443]" of the schema.
std::optional<Value> BuiltIn(const Row& row) {
  if (row.fallback.empty()) return std::nullopt;
  const auto document = ParseToml("v = " + std::string(row.fallback) + "\n", "built-in");
  const TomlValue* value = document ? document->Find("v") : nullptr;
  if (value == nullptr) return std::nullopt;
  if (value->kind != TomlValue::Kind::kList) return value->scalar;
  templates::List list;
  for (const TomlValue& item : value->items) list.push_back(item.scalar);
  return Value(std::move(list));
}

Explained ExplainOne(const Merged& merged, const std::string& path, const Row& row) {
  Explained one;
  one.path = path;
  one.what = row.what;
  const auto said = merged.said.find(path);
  if (said != merged.said.end()) {
    for (auto entry = said->second.rbegin(); entry != said->second.rend(); ++entry) {
      one.said.push_back({ValueOf(path, entry->value), entry->origin});
    }
  }
  const auto won = merged.entries.find(path);
  if (won != merged.entries.end()) {
    one.value = ValueOf(path, won->second.value);
    one.origin = won->second.origin;
  } else {
    one.value = BuiltIn(row);
    one.origin = {LayerKind::kBuiltIn, "built-in"};
  }
  return one;
}

void AddLine(const std::string& path, const Value& value, const std::string& place,
             std::string& text) {
  if (const auto* map = std::get_if<templates::Map>(&value.data)) {
    for (const templates::Member& member : map->members) {
      AddLine(path + "." + member.name, member.value, place, text);
    }
    return;
  }
  text += path + " = " + templates::JsonOf(value) + "  # " + place + "\n";
}

}  // namespace

std::vector<Explained> Explain(const Merged& merged) {
  std::vector<Explained> all;
  for (const Row& row : Schema()) {
    if (row.type == Type::kLater || row.type == Type::kIgnored) continue;
    const std::string path(row.path);
    const std::size_t star = path.find('*');
    if (star == std::string::npos) {
      all.push_back(ExplainOne(merged, path, row));
      continue;
    }
    for (const auto& [known, entry] : merged.entries) {
      if (FindRow(known) == &row) all.push_back(ExplainOne(merged, known, row));
    }
  }
  return all;
}

Result<std::vector<Explained>> ExplainKey(const Merged& merged, std::string_view key) {
  std::vector<Explained> found;
  const std::string below = std::string(key) + ".";
  for (Explained& one : Explain(merged)) {
    if (one.path == key || one.path.starts_with(below)) {
      found.push_back(std::move(one));
    } else if (key.starts_with(one.path + ".") &&
               (one.path == "run.inputs" || one.path == "run.labels" ||
                one.path == "run.environment.env")) {
      found.push_back(std::move(one));  // One member of a table: the table.
    }
  }
  if (!found.empty() || IsTablePath(key)) return found;
  const Row* row = FindRow(key);
  if (row != nullptr && row->type != Type::kLater && row->type != Type::kIgnored) return found;
  const std::string nearest = NearestKey(key);
  return Failure(Code::kNotFound,
                 row != nullptr ? "the key '" + std::string(key) + "' is not supported yet"
                                : "there is no key '" + std::string(key) + "'",
                 "unknown_key",
                 nearest.empty() || row != nullptr ? "fabro settings --keys lists all"
                                                   : "did you mean '" + nearest + "'?");
}

std::string ToLines(const std::vector<Explained>& settings) {
  std::string text;
  for (const Explained& one : settings) {
    if (one.value) AddLine(one.path, *one.value, one.origin.place, text);
  }
  return text;
}

std::string ToParagraph(const Explained& setting) {
  std::string text =
      setting.path + " = " + (setting.value ? templates::JsonOf(*setting.value) : "(unset)") + "\n";
  if (!setting.what.empty()) text += "  " + std::string(setting.what) + "\n";
  text += "  from " + std::string(ToString(setting.origin.layer)) +
          (setting.origin.layer == LayerKind::kBuiltIn ? "" : ", " + setting.origin.place) + "\n";
  for (const Explained::Said& said : setting.said) {
    const bool won = said.origin == setting.origin;
    text += "  " + std::string(won ? "* " : "  ") + std::string(ToString(said.origin.layer)) + " " +
            said.origin.place + ": " + templates::JsonOf(said.value) + "\n";
  }
  return text;
}

}  // namespace fabro::config
