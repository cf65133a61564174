// Which providers there are, where their keys come from, and a client of all that can be called.
// Spec: agent 6.1, 13; run 3.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/agent/llm/client.h"
#include "fabro/agent/llm/http_adapter.h"

namespace fabro::llm {

// What settings say of a provider: [llm.providers.<id>]. Unset: as it is built in.
struct ProviderSettings {
  std::optional<Api> api{};
  std::string base_url{};
  std::string key_name{};  // Of the variable or secret; empty: the provider's own, or none.
  std::map<std::string, std::string> headers{};  // Filled in already.
};

struct ProviderInfo {
  std::string id{};
  Api api = Api::kOpenAiCompatible;
  std::string base_url{};
  std::vector<std::string> key_names{};  // In order; empty: it needs no key (a local server).
  http::Headers headers{};
};

// The value of a variable or secret of that name, if there is one. Errors: of the vault.
using KeyLookup = std::function<Result<std::optional<std::string>>(const std::string& name)>;

struct ProviderSetup {
  std::map<std::string, ProviderSettings> settings{};
  KeyLookup key{};
  // Of the process alone (HTTP proxies, base URLs): what .env files of a project may not set.
  std::function<std::optional<std::string>(const std::string& name)> variable{};
  // Shared by all clients, for their connections; null: one of its own.
  std::shared_ptr<http::Client> http{};
  ClientOptions client{};  // default_provider empty: the first of anthropic, openai, gemini.
};

// The built-in providers and those of the settings, by id, with base URLs as they hold:
// settings, else <ID>_BASE_URL, else built in. kConfiguration: an unknown one without api or
// base_url.
Result<std::vector<ProviderInfo>> ProvidersOf(const ProviderSetup& setup);

// The key that a provider is called with; nothing: it has none. `name` becomes the variable's.
Result<std::optional<std::string>> KeyOf(const ProviderInfo& provider, const KeyLookup& lookup,
                                         std::string* name = nullptr);

// An HTTP client for models. `ca_file`: PEM instead of the system's roots; empty: those.
std::shared_ptr<http::Client> MakeHttp(const std::string& ca_file);

// A client that has every provider with a key, and knows what is missing for the others.
Result<std::unique_ptr<Client>> MakeClient(const ProviderSetup& setup,
                                           std::shared_ptr<const Catalog> catalog);

// The built-in catalog with <home>/.fabro/models.tsv over it, if there is one.
Result<std::shared_ptr<const Catalog>> LoadCatalog(const std::string& home);

}  // namespace fabro::llm
