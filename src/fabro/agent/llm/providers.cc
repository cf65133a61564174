#include "fabro/agent/llm/providers.h"

#include <utility>

#include "fabro/linux/file.h"

namespace fabro::llm {
namespace {

struct Known {
  std::string_view id;
  Api api;
  std::string_view base_url;
  std::string_view key;
  std::string_view other_key;
};

constexpr Known kKnown[] = {
    {"anthropic", Api::kAnthropic, "https://api.anthropic.com", "ANTHROPIC_API_KEY", ""},
    {"openai", Api::kOpenAi, "https://api.openai.com/v1", "OPENAI_API_KEY", ""},
    {"gemini", Api::kGemini, "https://generativelanguage.googleapis.com", "GEMINI_API_KEY",
     "GOOGLE_API_KEY"},
    {"kimi", Api::kOpenAiCompatible, "https://api.moonshot.ai/v1", "KIMI_API_KEY", ""},
    {"zai", Api::kOpenAiCompatible, "https://api.z.ai/api/paas/v4", "ZAI_API_KEY", ""},
    {"minimax", Api::kOpenAiCompatible, "https://api.minimax.io/v1", "MINIMAX_API_KEY", ""},
    {"inception", Api::kOpenAiCompatible, "https://api.inceptionlabs.ai/v1", "INCEPTION_API_KEY",
     ""},
};

ProviderInfo InfoOf(const Known& known) {
  ProviderInfo info{.id = std::string(known.id),
                    .api = known.api,
                    .base_url = std::string(known.base_url),
                    .key_names = {std::string(known.key)}};
  if (!known.other_key.empty()) info.key_names.emplace_back(known.other_key);
  return info;
}

std::string Upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    if (c == '-' || c == '.') c = '_';
  }
  return text;
}

std::optional<std::string> VariableOf(const ProviderSetup& setup, const std::string& name) {
  if (!setup.variable) return std::nullopt;
  std::optional<std::string> value = setup.variable(name);
  return value.has_value() && value->empty() ? std::nullopt : value;
}

void Apply(const ProviderSettings& settings, ProviderInfo& info) {
  if (settings.api) info.api = *settings.api;
  if (!settings.base_url.empty()) info.base_url = settings.base_url;
  if (!settings.key_name.empty()) info.key_names = {settings.key_name};
  for (const auto& [name, value] : settings.headers) {
    info.headers.push_back({.name = name, .value = value});
  }
}

Status Check(const ProviderInfo& info) {
  const std::string where = "[llm.providers." + info.id + "]";
  const Result<http::UrlParts> url = http::ParseUrl(info.base_url);
  if (!url.ok()) {
    return CallFailure(ErrorKind::kConfiguration, where + " base_url: " + url.error().message,
                       "write it as https://host/v1");
  }
  if (url->path.find('?') != std::string::npos) {
    return CallFailure(ErrorKind::kConfiguration, where + " base_url has a query");
  }
  return {};
}

http::Headers AccountHeaders(const ProviderSetup& setup) {
  http::Headers headers;
  if (const auto organization = VariableOf(setup, "OPENAI_ORG_ID")) {
    headers.push_back({.name = "openai-organization", .value = *organization});
  }
  if (const auto project = VariableOf(setup, "OPENAI_PROJECT_ID")) {
    headers.push_back({.name = "openai-project", .value = *project});
  }
  return headers;
}

std::string FixOf(const ProviderInfo& provider) {
  return "set " + provider.key_names.front() + ", or: fabro provider login --provider " +
         provider.id;
}

}  // namespace

Result<std::vector<ProviderInfo>> ProvidersOf(const ProviderSetup& setup) {
  std::vector<ProviderInfo> providers;
  for (const Known& known : kKnown) {
    ProviderInfo info = InfoOf(known);
    if (const auto url = VariableOf(setup, Upper(info.id) + "_BASE_URL")) info.base_url = *url;
    if (info.id == "openai") info.headers = AccountHeaders(setup);
    providers.push_back(std::move(info));
  }
  for (const auto& [id, settings] : setup.settings) {
    if (id == "scripted") continue;
    ProviderInfo* info = nullptr;
    for (ProviderInfo& known : providers) {
      if (known.id == id) info = &known;
    }
    if (info == nullptr) {
      if (settings.base_url.empty()) {
        return CallFailure(ErrorKind::kConfiguration, "[llm.providers." + id + "] has no base_url",
                           "say where it listens, and its api if that is not openai_compatible");
      }
      providers.push_back({.id = id});
      info = &providers.back();
    }
    Apply(settings, *info);
    TRY(Check(*info));
  }
  return providers;
}

Result<std::optional<std::string>> KeyOf(const ProviderInfo& provider, const KeyLookup& lookup,
                                         std::string* name) {
  for (const std::string& candidate : provider.key_names) {
    std::optional<std::string> value = TRY(lookup(candidate));
    if (!value.has_value() || value->empty()) continue;
    if (name != nullptr) *name = candidate;
    return value;
  }
  return std::optional<std::string>();
}

std::shared_ptr<http::Client> MakeHttp(const std::string& ca_file) {
  return std::make_shared<http::Client>(
      http::ClientOptions{.ca_file = ca_file, .max_body_bytes = kMaxAnswerBytes});
}

Result<std::unique_ptr<Client>> MakeClient(const ProviderSetup& setup,
                                           std::shared_ptr<const Catalog> catalog) {
  const std::vector<ProviderInfo> providers = TRY(ProvidersOf(setup));
  const auto http = setup.http != nullptr ? setup.http : MakeHttp({});
  ClientOptions options = setup.client;
  const std::string wanted = options.default_provider;
  options.default_provider.clear();
  std::vector<std::pair<std::string, std::shared_ptr<Adapter>>> ready;
  std::vector<std::pair<std::string, std::string>> missing;
  for (const ProviderInfo& provider : providers) {
    const std::optional<std::string> key = TRY(KeyOf(provider, setup.key));
    if (!key.has_value() && !provider.key_names.empty()) {
      missing.emplace_back(provider.id, FixOf(provider));
      continue;
    }
    const bool common =
        provider.id == "anthropic" || provider.id == "openai" || provider.id == "gemini";
    if (options.default_provider.empty() && common) options.default_provider = provider.id;
    ready.emplace_back(provider.id,
                       std::make_shared<HttpAdapter>(provider.api,
                                                     Endpoint{.provider = provider.id,
                                                              .base_url = provider.base_url,
                                                              .key = key.value_or(""),
                                                              .headers = provider.headers},
                                                     http, catalog));
  }
  if (!wanted.empty()) options.default_provider = wanted;
  if (options.default_provider.empty()) options.default_provider = "anthropic";
  auto client = std::make_unique<Client>(std::move(options), std::move(catalog));
  for (auto& [id, adapter] : ready) client->Add(id, std::move(adapter));
  for (auto& [id, fix] : missing) client->AddMissing(id, std::move(fix));
  return client;
}

Result<std::shared_ptr<const Catalog>> LoadCatalog(const std::string& home) {
  auto catalog = std::make_shared<Catalog>(Catalog::BuiltIn());
  const std::string path = home + "/.fabro/models.tsv";
  const Result<std::string> text = ReadFile(path);
  if (text.ok()) {
    TRY(catalog->Overlay(*text, path));
  } else if (text.error().sys_errno != ENOENT && !home.empty()) {
    return text.error();
  }
  return std::shared_ptr<const Catalog>(std::move(catalog));
}

}  // namespace fabro::llm
