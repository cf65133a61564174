#include "fabro/agent/llm/catalog.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "fabro/agent/llm/catalog_data.h"

namespace fabro::llm {
namespace {

constexpr std::size_t kFields = 14;

std::vector<std::string_view> Split(std::string_view text, char at) {
  std::vector<std::string_view> fields;
  for (;;) {
    const std::size_t end = text.find(at);
    fields.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return fields;
    text.remove_prefix(end + 1);
  }
}

std::vector<std::string> List(std::string_view field) {
  std::vector<std::string> list;
  if (field == "-") return list;
  for (const std::string_view item : Split(field, ',')) list.emplace_back(item);
  return list;
}

bool Has(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool ReadCount(std::string_view field, std::int64_t& into) {
  if (field == "-") return true;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), into);
  return error == std::errc{} && end == field.data() + field.size() && into >= 0;
}

bool ReadPrice(std::string_view field, std::optional<double>& into) {
  if (field == "-") return true;
  double value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error != std::errc{} || end != field.data() + field.size()) return false;
  into = value;
  return std::isfinite(value) && value >= 0;
}

bool ReadReasoning(std::string_view field, Reasoning& into) {
  constexpr std::pair<std::string_view, Reasoning> kWords[] = {{"none", Reasoning::kNone},
                                                               {"effort", Reasoning::kEffort},
                                                               {"budget", Reasoning::kBudget},
                                                               {"adaptive", Reasoning::kAdaptive},
                                                               {"level", Reasoning::kLevel}};
  for (const auto& [word, value] : kWords) {
    if (field != word) continue;
    into = value;
    return true;
  }
  return false;
}

bool ReadModel(const std::vector<std::string_view>& fields, ModelInfo& model) {
  if (fields.size() != kFields || fields[0].empty() || fields[1].empty()) return false;
  model.id = fields[0];
  model.provider = fields[1];
  model.aliases = List(fields[2]);
  const std::vector<std::string> abilities = List(fields[5]);
  model.tools = Has(abilities, "tools");
  model.vision = Has(abilities, "vision");
  model.efforts = List(fields[7]);
  const std::vector<std::string> extras = List(fields[12]);
  model.fast = Has(extras, "fast");
  model.provider_default = Has(extras, "default");
  if (fields[13] != "-") model.cutoff = fields[13];
  return ReadCount(fields[3], model.context_window) && ReadCount(fields[4], model.max_output) &&
         ReadReasoning(fields[6], model.reasoning) && ReadPrice(fields[8], model.input_price) &&
         ReadPrice(fields[9], model.output_price) &&
         ReadPrice(fields[10], model.cache_read_price) &&
         ReadPrice(fields[11], model.cache_write_price);
}

// All that providers call a degree of reasoning, from least to most.
constexpr auto kEfforts =
    std::to_array<std::string_view>({"none", "minimal", "low", "medium", "high", "xhigh", "max"});

std::ptrdiff_t RankOf(std::string_view effort) {
  const auto* at = std::find(kEfforts.begin(), kEfforts.end(), effort);
  return at == kEfforts.end() ? -1 : at - kEfforts.begin();
}

double PriceDistance(const ModelInfo& a, const ModelInfo& b) {
  return std::abs(a.input_price.value_or(0) - b.input_price.value_or(0)) +
         std::abs(a.output_price.value_or(0) - b.output_price.value_or(0));
}

}  // namespace

Catalog Catalog::BuiltIn() {
  Catalog catalog;
  // Its own lines are tested; a mistake there leaves the models of the lines before it.
  (void)catalog.Overlay(kCatalogData, "catalog.tsv");
  return catalog;
}

Status Catalog::Overlay(std::string_view tsv, const std::string& file) {
  int number = 0;
  for (std::string_view line : Split(tsv, '\n')) {
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#')) continue;
    ModelInfo model;
    if (!ReadModel(Split(line, '\t'), model)) {
      return Failure(Code::kInvalidArgument,
                     file + ":" + std::to_string(number) +
                         ": not a line of 14 fields separated by tabs, as its head says",
                     "models_invalid");
    }
    std::erase_if(models_, [&](const ModelInfo& known) { return known.id == model.id; });
    if (model.provider_default) {
      for (ModelInfo& known : models_) {
        if (known.provider == model.provider) known.provider_default = false;
      }
    }
    models_.push_back(std::move(model));
  }
  return {};
}

const ModelInfo* Catalog::Find(std::string_view id_or_alias) const {
  for (const ModelInfo& model : models_) {
    if (model.id == id_or_alias) return &model;
  }
  for (auto model = models_.rbegin(); model != models_.rend(); ++model) {
    if (Has(model->aliases, id_or_alias)) return &*model;
  }
  return nullptr;
}

std::string Catalog::DefaultOf(std::string_view provider) const {
  for (const ModelInfo& model : models_) {
    if (model.provider == provider && model.provider_default) return model.id;
  }
  return {};
}

const ModelInfo* Catalog::Nearest(const ModelInfo& original, std::string_view provider) const {
  const ModelInfo* best = nullptr;
  for (const ModelInfo& model : models_) {
    const bool able =
        (model.tools || !original.tools) && (model.vision || !original.vision) &&
        (model.reasoning != Reasoning::kNone || original.reasoning == Reasoning::kNone);
    if (model.provider != provider || !able) continue;
    if (best == nullptr || PriceDistance(model, original) < PriceDistance(*best, original)) {
      best = &model;
    }
  }
  return best;
}

std::string FitEffort(const ModelInfo& model, const std::string& effort,
                      std::vector<std::string>& warnings) {
  if (effort.empty() || Has(model.efforts, effort)) return effort;
  if (model.efforts.empty()) {
    warnings.push_back(model.id + " takes no reasoning effort; " + effort + " was left out");
    return {};
  }
  const std::ptrdiff_t wanted = RankOf(effort);
  // A word that only a newer model knows goes through: the catalog is advice.
  if (wanted < 0) return effort;
  const std::string* best = &model.efforts.front();
  for (const std::string& known : model.efforts) {
    const std::ptrdiff_t distance = std::abs(RankOf(known) - wanted);
    if (distance < std::abs(RankOf(*best) - wanted)) best = &known;
  }
  warnings.push_back("reasoning effort " + effort + " is not known to " + model.id + "; " + *best +
                     " was used");
  return *best;
}

std::optional<double> CostOf(const ModelInfo& model, const Usage& usage) {
  if (!model.input_price || !model.output_price) return std::nullopt;
  // What providers take of the input's price for tokens read from and written to a cache, where
  // the catalog does not know better (agent 6.5).
  const double read_share = model.provider == "anthropic" ? 0.1 : 0.5;
  const double read = model.cache_read_price.value_or(*model.input_price * read_share);
  const double write = model.cache_write_price.value_or(*model.input_price * 1.25);
  const auto part = [](std::int64_t tokens, double price) {
    return static_cast<double>(tokens) * price / 1e6;
  };
  return part(usage.input_tokens, *model.input_price) +
         part(usage.output_tokens, *model.output_price) +
         part(usage.cache_read_tokens.value_or(0), read) +
         part(usage.cache_write_tokens.value_or(0), write);
}

}  // namespace fabro::llm
