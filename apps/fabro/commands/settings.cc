// `fabro settings [WORKFLOW] [--explain KEY] [--keys]`.
#include "../workflow_source.h"
#include "commands.h"
#include "fabro/config/explain.h"
#include "fabro/config/schema.h"

namespace fabro::cli {
namespace {

// Settings hold what templates hold; the one knows how to write itself, the other is what we print.
model::Json ToJson(const templates::Value& value) {  // NOLINT(misc-no-recursion)
  if (const auto* list = std::get_if<templates::List>(&value.data)) {
    model::Json json = model::Json::MakeArray();
    for (const templates::Value& item : *list) json.Push(ToJson(item));
    return json;
  }
  if (const auto* map = std::get_if<templates::Map>(&value.data)) {
    model::Json json = model::Json::MakeObject();
    for (const templates::Member& member : map->members) {
      json.Set(member.name, ToJson(member.value));
    }
    return json;
  }
  if (const auto* flag = std::get_if<bool>(&value.data)) return *flag;
  if (const auto* number = std::get_if<std::int64_t>(&value.data)) return *number;
  if (const auto* real = std::get_if<double>(&value.data)) return *real;
  return std::get<std::string>(value.data);
}

model::Json JsonOf(const config::Explained& setting) {
  model::Json json = model::Json::MakeObject();
  json.Set("key", setting.path)
      .Set("value", setting.value ? ToJson(*setting.value) : model::Json());
  json.Set("layer", config::ToString(setting.origin.layer)).Set("place", setting.origin.place);
  model::Json said = model::Json::MakeArray();
  for (const config::Explained::Said& one : setting.said) {
    model::Json word = model::Json::MakeObject();
    word.Set("layer", config::ToString(one.origin.layer)).Set("place", one.origin.place);
    said.Push(word.Set("value", ToJson(one.value)));
  }
  return json.Set("said", std::move(said));
}

int PrintKeys(Console& console) {
  for (const config::Row& row : config::Schema()) {
    if (row.type == config::Type::kIgnored || row.type == config::Type::kLater) continue;
    const bool own = row.where != config::Row::Where::kAnywhere;
    std::string type(row.choices.empty() ? config::NameOf(row.type) : row.choices);
    if (console.json()) {
      model::Json json = model::Json::MakeObject();
      json.Set("key", row.path).Set("type", type).SetIfAny("default", row.fallback);
      console.Result(json.Set("meaning", row.what).Set("machine_only", own).Dump());
      continue;
    }
    for (std::size_t bar = type.find('|'); bar != std::string::npos;
         bar = type.find('|', bar + 3)) {
      type.replace(bar, 1, ", ");
    }
    // The rows of docs/user/configuration.md.
    std::string line = "| `" + std::string(row.path) + "` | " + type + " | ";
    if (!row.fallback.empty()) line += "`" + std::string(row.fallback) + "`";
    console.Result(line + " | " + std::string(row.what) + (own ? " (your own file only)" : "") +
                   " |");
  }
  return kOk;
}

fabro::Result<std::vector<config::Explained>> Load(const SettingsOptions& options,
                                                   std::vector<std::string>& notes) {
  const std::optional<std::string_view> workflow =
      options.workflow.empty() ? std::nullopt : std::optional<std::string_view>(options.workflow);
  config::LoadedLayers loaded = TRY(config::LoadLayers(workflow, {}, Here()));
  const config::Merged merged = config::Merge(std::move(loaded.layers));
  const config::Settings settings = TRY(config::ToSettings(merged));
  notes = settings.notes;
  if (!options.explain.empty()) return config::ExplainKey(merged, options.explain);
  return config::Explain(merged);
}

}  // namespace

int Run(const SettingsOptions& options, const GlobalOptions& /*global*/, Console& console) {
  if (options.keys) return PrintKeys(console);
  std::vector<std::string> notes;
  const auto settings = Load(options, notes);
  if (!settings.ok()) return console.Fail(settings.error());
  for (const std::string& note : notes) console.Warn(Inert(note));
  if (console.json()) {
    for (const config::Explained& one : *settings) console.Result(JsonOf(one).Dump());
    return kOk;
  }
  std::string text;
  if (options.explain.empty()) {
    text = config::ToLines(*settings);
  } else {
    for (const config::Explained& one : *settings) text += config::ToParagraph(one);
  }
  if (!text.empty() && text.back() == '\n') text.pop_back();
  console.Result(text);
  return kOk;
}

}  // namespace fabro::cli
