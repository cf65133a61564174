#include "fabro/provider/local/env_filter.h"

#include <algorithm>
#include <array>

namespace fabro::provider {
namespace {

constexpr std::array<std::string_view, 10> kSafe = {
    "PATH", "HOME", "USER", "SHELL", "LANG", "TERM", "TMPDIR", "GOPATH", "CARGO_HOME", "NVM_DIR"};
constexpr std::array<std::string_view, 5> kSuffixes = {"_api_key", "_secret", "_token", "_password",
                                                       "_credential"};
constexpr std::array<std::string_view, 6> kStrictNames = {
    "api_key", "secret", "token", "password", "credential", "aws_secret_access_key"};
constexpr std::array<std::string_view, 3> kStrictSuffixes = {"_private_key", "_credentials",
                                                             "_passwd"};

// ASCII only: a locale must not decide what is a secret.
std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

bool IsSafe(std::string_view name) {
  return std::find(kSafe.begin(), kSafe.end(), name) != kSafe.end();
}

}  // namespace

bool IsSensitiveName(std::string_view name, bool strict) {
  const std::string lower = Lower(name);
  const auto ends = [&](std::string_view suffix) { return lower.ends_with(suffix); };
  if (std::any_of(kSuffixes.begin(), kSuffixes.end(), ends)) return true;
  if (!strict) return false;
  return std::find(kStrictNames.begin(), kStrictNames.end(), lower) != kStrictNames.end() ||
         std::any_of(kStrictSuffixes.begin(), kStrictSuffixes.end(), ends);
}

std::vector<std::string> FilteredEnvironment(const std::vector<std::string>& host,
                                             const std::map<std::string, std::string>& wanted,
                                             const EnvFilter& filter) {
  const auto passes = [&](std::string_view name) {
    return IsSafe(name) || !IsSensitiveName(name, filter.strict);
  };
  std::vector<std::string> env;
  for (const std::string& entry : host) {
    const std::string name = entry.substr(0, entry.find('='));
    if (wanted.count(name) == 0 && passes(name)) env.push_back(entry);
  }
  for (const auto& [name, value] : wanted) {
    if (!filter.filter_explicit || passes(name)) env.push_back(name + "=" + value);
  }
  return env;
}

}  // namespace fabro::provider
