#include "model_providers.h"

#include <cstdlib>
#include <utility>

#include "fabro/config/interpolate.h"
#include "fabro/secrets/vault.h"
#include "spec_settings.h"

namespace fabro::cli {

std::string HomeDir() {
  const char* home = std::getenv("HOME");
  return home != nullptr ? home : "";
}

llm::KeyLookup KeysOf(const config::Credentials& credentials) {
  return [credentials](const std::string& name) -> fabro::Result<std::optional<std::string>> {
    if (auto value = credentials.Find(name)) return value;
    if (HomeDir().empty()) return std::optional<std::string>();
    const std::optional<secrets::Secret> kept = TRY(secrets::Vault::OfHome(HomeDir()).Get(name));
    if (!kept.has_value()) return std::optional<std::string>();
    return std::optional<std::string>(kept->Reveal());
  };
}

Result<llm::ProviderSetup> ProvidersOf(const std::map<std::string, config::LlmProvider>& providers,
                                       const config::Credentials& credentials) {
  llm::ProviderSetup setup;
  setup.key = KeysOf(credentials);
  setup.variable = [credentials](const std::string& name) { return credentials.Find(name); };
  for (const auto& [id, written] : providers) {
    const std::string field = "llm.providers." + id;
    llm::ProviderSettings settings;
    if (written.api) settings.api = llm::ParseApi(*written.api);
    if (written.api && !settings.api && id != "scripted") {
      return llm::CallFailure(llm::ErrorKind::kConfiguration,
                              field + ".api: no such wire format: " + *written.api,
                              "use anthropic, openai, openai_compatible or gemini");
    }
    settings.base_url = written.base_url.value_or("");
    settings.key_name = written.api_key_env.value_or("");
    settings.headers = written.headers;
    TRY(config::InterpolateAll(settings.headers, field + ".headers", ReferencesIn(credentials)));
    setup.settings[id] = std::move(settings);
  }
  return setup;
}

}  // namespace fabro::cli
