#include "models.h"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <utility>

#include "fabro/agent/llm/client.h"
#include "fabro/agent/llm/http_adapter.h"
#include "fabro/agent/llm/scripted/scripted.h"
#include "fabro/http/client.h"
#include "fabro/provider/local/env_filter.h"
#include "fabro/provider/local/local.h"
#include "spec_settings.h"
#include "workflow_source.h"

namespace fabro::cli {
namespace {

using model::Json;

constexpr std::string_view kScripted = "scripted";

// The providers that are known without configuration (agent specification, 7 and 13). Addresses of
// the last four are those of their documentation in May 2026.
struct Known {
  std::string_view id;
  llm::Api api;
  std::string_view base_url;
  const char* base_variable;  // Null: none.
  const char* key_variable;
  const char* other_key_variable;
};
constexpr std::array<Known, 7> kKnown{
    {{"anthropic", llm::Api::kAnthropic, "https://api.anthropic.com", "ANTHROPIC_BASE_URL",
      "ANTHROPIC_API_KEY", nullptr},
     {"openai", llm::Api::kOpenAi, "https://api.openai.com", "OPENAI_BASE_URL", "OPENAI_API_KEY",
      nullptr},
     {"gemini", llm::Api::kGemini, "https://generativelanguage.googleapis.com", "GEMINI_BASE_URL",
      "GEMINI_API_KEY", "GOOGLE_API_KEY"},
     {"kimi", llm::Api::kOpenAiCompatible, "https://api.moonshot.ai/v1", nullptr, "KIMI_API_KEY",
      nullptr},
     {"zai", llm::Api::kOpenAiCompatible, "https://api.z.ai/api/paas/v4", nullptr, "ZAI_API_KEY",
      nullptr},
     {"minimax", llm::Api::kOpenAiCompatible, "https://api.minimax.io/v1", nullptr,
      "MINIMAX_API_KEY", nullptr},
     {"inception", llm::Api::kOpenAiCompatible, "https://api.inceptionlabs.ai/v1", nullptr,
      "INCEPTION_API_KEY", nullptr}}};

std::string Absolute(const std::string& path, const std::string& directory) {
  if (path.empty()) return path;
  return (std::filesystem::absolute(directory) / path).lexically_normal();
}

std::optional<std::string> Optional(const Json& json, std::string_view key) {
  const Json* value = json.Find(key);
  if (value == nullptr || value->String() == nullptr) return std::nullopt;
  return *value->String();
}

config::LlmProvider ProviderOf(const Json& json) {
  config::LlmProvider provider;
  provider.api = Optional(json, "api");
  provider.base_url = Optional(json, "base_url");
  provider.api_key_env = Optional(json, "api_key_env");
  provider.file = Optional(json, "file");
  if (const Json* headers = json.Find("headers"); headers != nullptr && headers->Members()) {
    for (const auto& [name, value] : *headers->Members()) provider.headers[name] = value.ToText();
  }
  return provider;
}

std::string WithoutSlash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

Error NotSetUp(std::string message, std::string fix) {
  return llm::CallFailure(llm::ErrorKind::kConfiguration, std::move(message), std::move(fix));
}

// Opens models by what was set up. The scripted one is made anew each time: its turns are counted
// from where the stage began.
class Opener {
 public:
  Opener(ModelSetup setup, config::Credentials credentials)
      : setup_(std::move(setup)),
        credentials_(std::move(credentials)),
        http_(std::make_shared<http::Client>()) {}

  fabro::Result<agent::OpenedModel> Open(const agent::ModelChoice& choice, bool dry_run) {
    const Wanted wanted = Resolve(choice);
    if (dry_run || wanted.provider == kScripted) return OpenScripted(wanted, dry_run);
    auto client = TRY(MakeClient(wanted));
    llm::Request probe;
    probe.model = wanted.model;
    probe.provider = wanted.provider;
    const llm::Client::Route route = TRY(client->RouteOf(probe));
    agent::OpenedModel opened;
    opened.model = std::move(client);
    opened.id = route.model;
    opened.provider = route.provider;
    if (const llm::ModelInfo* info = catalog_->Find(route.model)) {
      if (info->context_window > 0) opened.context_window = info->context_window;
      opened.vision = info->vision;
      opened.knowledge_cutoff = info->cutoff;
    }
    return opened;
  }

 private:
  struct Wanted {
    std::string model;
    std::string provider;
  };

  // Workflow language, 8.4: node and stylesheet, then command line and configuration, then the
  // graph. A model of the catalog brings its provider, whatever a lower layer says.
  Wanted Resolve(const agent::ModelChoice& choice) const {
    Wanted wanted;
    const std::array<Wanted, 3> layers{{{choice.model, choice.provider},
                                        {setup_.model, setup_.provider},
                                        {choice.graph_model, choice.graph_provider}}};
    if (!setup_.script.empty()) wanted.provider = kScripted;
    for (const Wanted& layer : layers) {
      if (wanted.provider.empty() && !layer.provider.empty() &&
          (wanted.model.empty() || catalog_->Find(wanted.model) == nullptr)) {
        wanted.provider = layer.provider;
      }
      if (!wanted.model.empty() || layer.model.empty()) continue;
      const llm::ModelInfo* info = catalog_->Find(layer.model);
      const bool of_another = !wanted.provider.empty() && wanted.provider != kScripted &&
                              wanted.provider != layer.provider && info != nullptr &&
                              info->provider != wanted.provider;
      if (!of_another) wanted.model = layer.model;
    }
    if (wanted.provider.empty() && wanted.model.empty()) wanted.provider = FirstWithKey();
    if (wanted.model.empty()) wanted.model = catalog_->DefaultOf(wanted.provider);
    return wanted;
  }

  std::optional<std::string> KeyOf(const Known& known) const {
    auto key = credentials_.Find(known.key_variable);
    if (!key && known.other_key_variable != nullptr) {
      key = credentials_.Find(known.other_key_variable);
    }
    return key;
  }

  std::string FirstWithKey() const {
    for (const Known& known : kKnown) {
      if (KeyOf(known)) return std::string(known.id);
    }
    return "anthropic";
  }

  fabro::Result<std::shared_ptr<llm::Client>> MakeClient(const Wanted& wanted) const {
    llm::ClientOptions options;
    options.default_provider = wanted.provider.empty() ? FirstWithKey() : wanted.provider;
    const auto own = setup_.fallbacks_of_model.find(wanted.model);
    options.fallbacks = own != setup_.fallbacks_of_model.end() ? own->second : setup_.fallbacks;
    auto client = std::make_shared<llm::Client>(std::move(options), catalog_);
    for (const Known& known : kKnown) {
      if (!setup_.providers.contains(std::string(known.id))) AddKnown(known, *client);
    }
    for (const auto& [id, provider] : setup_.providers) {
      if (id != kScripted) TRY(AddConfigured(id, provider, *client));
    }
    return client;
  }

  void AddKnown(const Known& known, llm::Client& client) const {
    const auto key = KeyOf(known);
    const std::string id(known.id);
    if (!key) return client.AddMissing(id, std::string("no key: set ") + known.key_variable);
    llm::Endpoint endpoint;
    endpoint.provider = id;
    endpoint.base_url = known.base_url;
    if (known.base_variable != nullptr) {
      endpoint.base_url = credentials_.Find(known.base_variable).value_or(endpoint.base_url);
    }
    endpoint.base_url = WithoutSlash(endpoint.base_url);
    endpoint.key = *key;
    Add(known.api, std::move(endpoint), client);
  }

  Status AddConfigured(const std::string& id, const config::LlmProvider& provider,
                       llm::Client& client) const {
    const Known* known = nullptr;
    for (const Known& one : kKnown) {
      if (one.id == id) known = &one;
    }
    const auto api = provider.api ? llm::ParseApi(*provider.api)
                     : known      ? std::optional(known->api)
                                  : std::optional(llm::Api::kOpenAiCompatible);
    if (!api) {
      return NotSetUp("[llm.providers." + id + "] api is \"" + *provider.api + "\"",
                      "use anthropic, openai, openai_compatible or gemini");
    }
    llm::Endpoint endpoint;
    endpoint.provider = id;
    if (known != nullptr) endpoint.base_url = known->base_url;
    endpoint.base_url = WithoutSlash(provider.base_url.value_or(endpoint.base_url));
    if (endpoint.base_url.empty()) {
      client.AddMissing(id, "set [llm.providers." + id + "] base_url");
      return {};
    }
    if (provider.api_key_env) {
      const auto key = credentials_.Find(*provider.api_key_env);
      if (!key) {
        client.AddMissing(id, "no key: set " + *provider.api_key_env);
        return {};
      }
      endpoint.key = *key;
    } else if (known != nullptr) {
      endpoint.key = KeyOf(*known).value_or("");
    }
    std::map<std::string, std::string> headers = provider.headers;
    TRY(config::InterpolateAll(headers, "llm.providers." + id + ".headers",
                               ReferencesIn(credentials_)));
    for (const auto& [name, value] : headers) endpoint.headers.push_back({name, value});
    Add(*api, std::move(endpoint), client);
    return {};
  }

  void Add(llm::Api api, llm::Endpoint endpoint, llm::Client& client) const {
    const std::string id = endpoint.provider;
    client.Add(id, std::make_shared<llm::HttpAdapter>(api, std::move(endpoint), http_, catalog_));
  }

  fabro::Result<agent::OpenedModel> OpenScripted(const Wanted& wanted, bool dry_run) {
    if (setup_.script.empty() && !dry_run) {
      return NotSetUp("the scripted provider has no file",
                      "set [llm.providers.scripted] file, or FABRO_SCRIPT=FILE");
    }
    const std::lock_guard lock(mutex_);
    if (!script_) {
      llm::Script script;
      if (!setup_.script.empty()) script = TRY(llm::LoadScript(setup_.script));
      script_ = std::make_shared<const llm::Script>(std::move(script));
    }
    agent::OpenedModel opened;
    opened.model = std::make_shared<llm::Scripted>(
        script_, dry_run ? llm::Unscripted::kSimulated : llm::Unscripted::kOk);
    opened.id = wanted.model.empty() ? std::string(kScripted) : wanted.model;
    opened.provider = kScripted;
    return opened;
  }

  ModelSetup setup_;
  config::Credentials credentials_;
  std::shared_ptr<http::Client> http_;
  std::shared_ptr<const llm::Catalog> catalog_ =
      std::make_shared<const llm::Catalog>(llm::Catalog::BuiltIn());
  std::mutex mutex_;
  std::shared_ptr<const llm::Script> script_;
};

}  // namespace

ModelSetup SetupOf(const Json& settings, const std::string& directory) {
  ModelSetup setup;
  const Json none = Json::MakeObject();
  const Json* found = settings.Find("model");
  const Json& model = found == nullptr ? none : *found;
  setup.model = model.StringAt("name");
  setup.provider = model.StringAt("provider");
  setup.fallbacks = model.StringsAt("fallbacks");
  if (const Json* lists = model.Find("fallbacks_of_model"); lists != nullptr && lists->Members()) {
    for (const auto& [name, list] : *lists->Members()) {
      setup.fallbacks_of_model[name] = lists->StringsAt(name);
    }
  }
  const Json* providers = settings.Find("llm_providers");
  if (providers != nullptr && providers->Members() != nullptr) {
    for (const auto& [id, provider] : *providers->Members()) {
      setup.providers[id] = ProviderOf(provider);
    }
  }
  const auto scripted = setup.providers.find(std::string(kScripted));
  if (setup.provider == kScripted && scripted != setup.providers.end()) {
    setup.script = Absolute(scripted->second.file.value_or(""), directory);
  }
  const char* file = std::getenv("FABRO_SCRIPT");
  if (file != nullptr && *file != '\0') setup.script = Absolute(file, directory);
  return setup;
}

namespace {

std::map<std::string, std::string> TextsOf(const Json& json, std::string_view key) {
  std::map<std::string, std::string> texts;
  const Json* table = json.Find(key);
  if (table == nullptr || table->Members() == nullptr) return texts;
  for (const auto& [name, value] : *table->Members()) texts[name] = value.ToText();
  return texts;
}

fabro::Result<agent::McpServerConfig> ServerOf(const std::string& name, const Json& json,
                                               const config::Credentials& credentials) {
  const std::string field = "run.agent.mcps." + name;
  agent::McpServerConfig server;
  server.name = name;
  server.type = json.StringAt("type");
  server.url = json.StringAt("url");
  server.argv = json.StringsAt("command");
  if (const std::string script = json.StringAt("script"); !script.empty()) {
    server.argv = {"/bin/bash", "-c", script};
  }
  server.headers = TextsOf(json, "headers");
  TRY(config::InterpolateAll(server.headers, field + ".headers", ReferencesIn(credentials)));
  std::map<std::string, std::string> env = TextsOf(json, "env");
  TRY(config::InterpolateAll(env, field + ".env", ReferencesIn(credentials)));
  server.env = provider::FilteredEnvironment(provider::OwnEnvironment(), env, {});
  server.startup_timeout = std::chrono::milliseconds(json.IntAt("startup_timeout_ms", 10'000));
  server.tool_timeout = std::chrono::milliseconds(json.IntAt("tool_timeout_ms", 60'000));
  server.outside_network_policy = json.BoolAt("outside_network_policy");
  return server;
}

}  // namespace

fabro::Result<agent::AgentsConfig> AgentsConfigOf(const Json& settings, ModelSetup setup,
                                                  const config::Credentials& credentials) {
  agent::AgentsConfig config;
  config.open_model = MakeOpener(std::move(setup), credentials);
  if (const Json* model = settings.Find("model")) {
    const std::string effort = model->StringAt("reasoning_effort");
    if (!effort.empty()) config.reasoning_effort = effort;
    config.speed = model->StringAt("speed");
  }
  config.search_key = credentials.Find("BRAVE_SEARCH_API_KEY").value_or("");
  const Json* agent = settings.Find("agent");
  if (agent == nullptr) return config;
  config.level = agent::ParseLevel(agent->StringAt("permissions"));
  config.approval_timeout =
      std::chrono::milliseconds(agent->IntAt("approval_timeout_ms", std::int64_t{30} * 60 * 1000));
  const Json* servers = agent->Find("mcps");
  if (servers == nullptr || servers->Members() == nullptr) return config;
  for (const auto& [name, server] : *servers->Members()) {
    agent::McpServerConfig one = TRY(ServerOf(name, server, credentials));
    config.mcp_servers.push_back(std::move(one));
  }
  return config;
}

agent::ModelOpener MakeOpener(ModelSetup setup, config::Credentials credentials) {
  const auto opener = std::make_shared<Opener>(std::move(setup), std::move(credentials));
  return [opener](const agent::ModelChoice& choice, bool dry_run) {
    return opener->Open(choice, dry_run);
  };
}

}  // namespace fabro::cli
