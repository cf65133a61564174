#include "redact.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "fabro/provider/local/env_filter.h"
#include "fabro/provider/local/local.h"

namespace fabro::cli {
namespace {

constexpr std::size_t kShortest = 8;

std::string Without(std::string text, const std::vector<std::string>& values) {
  for (const std::string& value : values) {
    for (std::size_t at = text.find(value); at != std::string::npos;
         at = text.find(value, at + 3)) {
      text.replace(at, value.size(), "***");
    }
  }
  return text;
}

}  // namespace

std::function<std::string(std::string)> RedactorOf(const model::Json& settings,
                                                   const config::Credentials& credentials,
                                                   const std::map<std::string, std::string>& env) {
  std::set<std::string> found;
  const auto add = [&](const std::string& value) {
    if (value.size() >= kShortest) found.insert(value);
  };
  for (const std::string& entry : provider::OwnEnvironment()) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string::npos) continue;
    if (provider::IsSensitiveName(entry.substr(0, equals), true)) add(entry.substr(equals + 1));
  }
  for (const auto& [name, value] : env) {
    if (provider::IsSensitiveName(name, true)) add(value);
  }
  for (const char* name :
       {"ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "KIMI_API_KEY",
        "ZAI_API_KEY", "MINIMAX_API_KEY", "INCEPTION_API_KEY", "BRAVE_SEARCH_API_KEY"}) {
    add(credentials.Find(name).value_or(""));
  }
  const model::Json* providers = settings.Find("llm_providers");
  if (providers != nullptr && providers->Members() != nullptr) {
    for (const auto& [id, one] : *providers->Members()) {
      const std::string variable = one.StringAt("api_key_env");
      if (!variable.empty()) add(credentials.Find(variable).value_or(""));
    }
  }
  std::vector<std::string> values(found.begin(), found.end());
  // The longest first: one may be a part of another.
  std::stable_sort(values.begin(), values.end(),
                   [](const auto& a, const auto& b) { return a.size() > b.size(); });
  return
      [values = std::move(values)](std::string text) { return Without(std::move(text), values); };
}

}  // namespace fabro::cli
