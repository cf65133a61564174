// What is known of models: windows, abilities, prices. Advice: an unknown id passes through with
// nothing known. The data is catalog.tsv, built in; a user's file of the same form lies over it.
// Spec: agent 6.5, 13.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/agent/llm/model.h"
#include "fabro/base/result.h"

namespace fabro::llm {

// How a model is told how much to think (agent 6.11).
enum class Reasoning {
  kNone,
  kEffort,    // OpenAI's words.
  kBudget,    // Anthropic's older ones: a number of tokens.
  kAdaptive,  // Anthropic's newer ones: by themselves, with an effort.
  kLevel,     // Gemini's thinkingLevel.
};

struct ModelInfo {
  std::string id{};
  std::string provider{};
  std::vector<std::string> aliases{};
  std::int64_t context_window = 0;  // Tokens; 0: unknown, here and below.
  std::int64_t max_output = 0;
  bool tools = true;
  bool vision = false;
  Reasoning reasoning = Reasoning::kNone;
  std::vector<std::string> efforts{};  // From least to most.
  // Dollars for a million tokens.
  std::optional<double> input_price{};
  std::optional<double> output_price{};
  std::optional<double> cache_read_price{};
  std::optional<double> cache_write_price{};
  bool fast = false;  // Offers speed=fast.
  bool provider_default = false;
  std::string cutoff{};  // "2025-08".
  friend bool operator==(const ModelInfo&, const ModelInfo&) = default;
};

class Catalog {
 public:
  // What is built in.
  static Catalog BuiltIn();

  // Lines of the same form over it. "models_invalid", naming `file` and line.
  Status Overlay(std::string_view tsv, const std::string& file);

  // By id or alias; an alias of a later line wins. Null pointer: not known.
  const ModelInfo* Find(std::string_view id_or_alias) const;
  // The model that a provider answers with when none is named; empty: none is known.
  std::string DefaultOf(std::string_view provider) const;
  const std::vector<ModelInfo>& models() const { return models_; }

  // For a fallback that names only a provider: of its models with the abilities of `original`, the
  // one nearest in price. Null pointer: none fits.
  const ModelInfo* Nearest(const ModelInfo& original, std::string_view provider) const;

 private:
  std::vector<ModelInfo> models_;
};

// `effort` as the model takes it: itself, or the nearest of its efforts with a warning; empty when
// the model takes none.
std::string FitEffort(const ModelInfo& model, const std::string& effort,
                      std::vector<std::string>& warnings);

// Dollars; nothing when the model has no price.
std::optional<double> CostOf(const ModelInfo& model, const Usage& usage);

}  // namespace fabro::llm
