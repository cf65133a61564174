#include "fabro/model/command_policy.h"

#include <array>
#include <cstddef>
#include <span>

namespace fabro::model {
namespace {

constexpr std::array<std::string_view, 4> kModes = {"off", "audit", "block", "allow"};
constexpr std::array<std::string_view, 2> kPresets = {"seed", "precise"};
constexpr std::array<std::string_view, 3> kActions = {"allow", "audit", "deny"};
constexpr std::array<std::string_view, 4> kVerdicts = {"allow", "opaque", "indeterminate", "block"};

template <typename E>
std::optional<E> Parse(std::span<const std::string_view> words, std::string_view word) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == word) return static_cast<E>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string_view ToString(PolicyMode mode) { return kModes.at(static_cast<std::size_t>(mode)); }
std::string_view ToString(PolicyPreset preset) {
  return kPresets.at(static_cast<std::size_t>(preset));
}
std::string_view ToString(OnIndeterminate action) {
  return kActions.at(static_cast<std::size_t>(action));
}
std::string_view ToString(PolicyVerdict verdict) {
  return kVerdicts.at(static_cast<std::size_t>(verdict));
}

std::optional<PolicyMode> ParsePolicyMode(std::string_view word) {
  return Parse<PolicyMode>(kModes, word);
}
std::optional<PolicyPreset> ParsePolicyPreset(std::string_view word) {
  return Parse<PolicyPreset>(kPresets, word);
}
std::optional<OnIndeterminate> ParseOnIndeterminate(std::string_view word) {
  return Parse<OnIndeterminate>(kActions, word);
}

}  // namespace fabro::model
