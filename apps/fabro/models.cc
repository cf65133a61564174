#include "models.h"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <utility>

#include "fabro/agent/llm/providers.h"
#include "fabro/agent/llm/scripted/scripted.h"
#include "fabro/provider/local/env_filter.h"
#include "fabro/provider/local/local.h"
#include "model_providers.h"
#include "spec_settings.h"
#include "workflow_source.h"

namespace fabro::cli {
namespace {

using model::Json;

constexpr std::string_view kScripted = "scripted";

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
        http_(llm::MakeHttp(credentials_.Find("FABRO_CA_FILE").value_or(""))),
        catalog_(llm::LoadCatalog(HomeDir())) {}

  fabro::Result<agent::OpenedModel> Open(const agent::ModelChoice& choice, bool dry_run) {
    if (!catalog_.ok()) return catalog_.error();
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
    if (const llm::ModelInfo* info = (*catalog_)->Find(route.model)) {
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
          (wanted.model.empty() || (*catalog_)->Find(wanted.model) == nullptr)) {
        wanted.provider = layer.provider;
      }
      if (!wanted.model.empty() || layer.model.empty()) continue;
      const llm::ModelInfo* info = (*catalog_)->Find(layer.model);
      const bool of_another = !wanted.provider.empty() && wanted.provider != kScripted &&
                              wanted.provider != layer.provider && info != nullptr &&
                              info->provider != wanted.provider;
      if (!of_another) wanted.model = layer.model;
    }
    if (wanted.model.empty() && !wanted.provider.empty())
      wanted.model = (*catalog_)->DefaultOf(wanted.provider);
    return wanted;
  }

  // A client of its own for each stage, as a fail-over lasts as long as a session does; connections
  // are shared.
  fabro::Result<std::unique_ptr<llm::Client>> MakeClient(const Wanted& wanted) const {
    llm::ProviderSetup providers = TRY(ProvidersOf(setup_.providers, credentials_));
    const auto own = setup_.fallbacks_of_model.find(wanted.model);
    providers.client.default_provider = wanted.provider;
    providers.client.fallbacks =
        own != setup_.fallbacks_of_model.end() ? own->second : setup_.fallbacks;
    providers.http = http_;
    return llm::MakeClient(providers, *catalog_);
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
    // A simulated model stands for the one that a real run would call.
    if (const llm::ModelInfo* info = (*catalog_)->Find(opened.id); dry_run && info != nullptr) {
      opened.id = info->id;
      opened.provider = info->provider;
    }
    return opened;
  }

  ModelSetup setup_;
  config::Credentials credentials_;
  std::shared_ptr<http::Client> http_;
  fabro::Result<std::shared_ptr<const llm::Catalog>> catalog_;
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
