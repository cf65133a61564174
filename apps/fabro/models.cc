#include "models.h"

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <utility>

#include "fabro/agent/llm/scripted/scripted.h"

namespace fabro::cli {
namespace {

using model::Json;

constexpr std::string_view kScripted = "scripted";

std::string Absolute(const std::string& path, const std::string& directory) {
  if (path.empty()) return path;
  return (std::filesystem::absolute(directory) / path).lexically_normal();
}

Json StringMap(const std::map<std::string, std::string>& map) {
  Json json = Json::MakeObject();
  for (const auto& [key, value] : map) json.Set(key, value);
  return json;
}

std::optional<std::string> Optional(const Json& json, std::string_view key) {
  const Json* value = json.Find(key);
  if (value == nullptr || value->String() == nullptr) return std::nullopt;
  return *value->String();
}

config::LlmProvider ProviderFromJson(const Json& json) {
  config::LlmProvider provider;
  provider.api = Optional(json, "api");
  provider.base_url = Optional(json, "base_url");
  provider.api_key_env = Optional(json, "api_key_env");
  if (const Json* headers = json.Find("headers"); headers != nullptr && headers->Members()) {
    for (const auto& [name, value] : *headers->Members()) provider.headers[name] = value.ToText();
  }
  return provider;
}

// Opens models by what was set up. The scripted one is made anew each time: its turns are counted
// from where the stage began.
class Opener {
 public:
  Opener(ModelSetup setup, config::Credentials credentials)
      : setup_(std::move(setup)), credentials_(std::move(credentials)) {}

  fabro::Result<agent::OpenedModel> Open(const agent::ModelChoice& choice, bool dry_run) {
    const bool scripted = dry_run || !setup_.script.empty() || choice.provider == kScripted ||
                          (choice.provider.empty() && setup_.provider == kScripted);
    if (scripted) return OpenScripted(choice, dry_run);
    return Failure(Code::kUnimplemented, "this build calls no model over the network",
                   "llm_configuration", "set FABRO_SCRIPT, or [run.model] provider = \"scripted\"");
  }

 private:
  fabro::Result<agent::OpenedModel> OpenScripted(const agent::ModelChoice& choice, bool dry_run) {
    if (setup_.script.empty() && !dry_run) {
      return Failure(Code::kInvalidArgument, "the scripted provider has no file",
                     "llm_configuration",
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
    opened.id = !choice.model.empty() ? choice.model : setup_.model;
    if (opened.id.empty()) opened.id = kScripted;
    opened.provider = kScripted;
    return opened;
  }

  ModelSetup setup_;
  config::Credentials credentials_;
  std::mutex mutex_;
  std::shared_ptr<const llm::Script> script_;
};

}  // namespace

ModelSetup SetupOf(const config::Settings& settings, const std::string& directory) {
  ModelSetup setup;
  setup.model = settings.model.name.value_or("");
  setup.provider = settings.model.provider.value_or("");
  setup.fallbacks = settings.model.fallbacks.all;
  setup.reasoning_effort = settings.model.reasoning_effort.value_or("");
  setup.speed = settings.model.speed.value_or("");
  setup.providers = settings.llm_providers;
  const auto scripted = settings.llm_providers.find(std::string(kScripted));
  if (setup.provider == kScripted && scripted != settings.llm_providers.end()) {
    setup.script = Absolute(scripted->second.file.value_or(""), directory);
  }
  const char* file = std::getenv("FABRO_SCRIPT");
  if (file != nullptr && *file != '\0') setup.script = Absolute(file, ".");
  return setup;
}

Json ToJson(const ModelSetup& setup) {
  Json json = Json::MakeObject();
  json.SetIfAny("model", setup.model).SetIfAny("provider", setup.provider);
  if (!setup.fallbacks.empty()) json.Set("fallbacks", Json::Strings(setup.fallbacks));
  json.SetIfAny("reasoning_effort", setup.reasoning_effort).SetIfAny("speed", setup.speed);
  json.SetIfAny("script", setup.script);
  Json providers = Json::MakeObject();
  for (const auto& [id, provider] : setup.providers) {
    Json one = Json::MakeObject();
    one.SetIfAny("api", provider.api.value_or(""));
    one.SetIfAny("base_url", provider.base_url.value_or(""));
    one.SetIfAny("api_key_env", provider.api_key_env.value_or(""));
    if (!provider.headers.empty()) one.Set("headers", StringMap(provider.headers));
    providers.Set(id, std::move(one));
  }
  json.Set("providers", std::move(providers));
  return json;
}

ModelSetup SetupFromJson(const Json& json) {
  ModelSetup setup;
  setup.model = json.StringAt("model");
  setup.provider = json.StringAt("provider");
  setup.fallbacks = json.StringsAt("fallbacks");
  setup.reasoning_effort = json.StringAt("reasoning_effort");
  setup.speed = json.StringAt("speed");
  setup.script = json.StringAt("script");
  if (const Json* providers = json.Find("providers"); providers && providers->Members()) {
    for (const auto& [id, provider] : *providers->Members()) {
      setup.providers[id] = ProviderFromJson(provider);
    }
  }
  return setup;
}

agent::ModelOpener MakeOpener(ModelSetup setup, config::Credentials credentials) {
  const auto opener = std::make_shared<Opener>(std::move(setup), std::move(credentials));
  return [opener](const agent::ModelChoice& choice, bool dry_run) {
    return opener->Open(choice, dry_run);
  };
}

}  // namespace fabro::cli
