#include "spec_settings.h"

#include <cstdlib>
#include <utility>

#include "fabro/secrets/vault.h"

namespace fabro::cli {
namespace {

using model::Json;

std::int64_t Milliseconds(Nanos span) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(span).count();
}

Json TextsJson(const std::map<std::string, std::string>& texts) {
  Json json = Json::MakeObject();
  for (const auto& [name, text] : texts) json.Set(name, text);
  return json;
}

Json ModelJson(const config::ModelSettings& model) {
  Json json = Json::MakeObject();
  json.SetIfAny("name", model.name.value_or("")).SetIfAny("provider", model.provider.value_or(""));
  json.Set("fallbacks", Json::Strings(model.fallbacks.all));
  Json of_model = Json::MakeObject();
  for (const auto& [name, list] : model.fallbacks.of_model) of_model.Set(name, Json::Strings(list));
  json.Set("fallbacks_of_model", std::move(of_model));
  json.SetIfAny("reasoning_effort", model.reasoning_effort.value_or(""));
  return json.SetIfAny("speed", model.speed.value_or(""));
}

Json BudgetJson(const config::Budget& budget) {
  Json json = Json::MakeObject();
  if (budget.tokens) json.Set("tokens", *budget.tokens);
  if (budget.cost_usd) json.Set("cost_usd", *budget.cost_usd);
  if (budget.wall) json.Set("wall_ms", Milliseconds(*budget.wall));
  return json.Set("on_limit", budget.fail_on_limit ? "fail" : "pause");
}

Json ServerJson(const config::McpServer& server) {
  Json json = Json::MakeObject();
  json.Set("type", server.type).Set("command", Json::Strings(server.command));
  json.SetIfAny("script", server.script).SetIfAny("url", server.url);
  if (server.port) json.Set("port", *server.port);
  json.Set("env", TextsJson(server.env)).Set("headers", TextsJson(server.headers));
  json.Set("startup_timeout_ms", Milliseconds(server.startup_timeout));
  json.Set("tool_timeout_ms", Milliseconds(server.tool_timeout));
  return json.Set("outside_network_policy", server.outside_network_policy);
}

Json AgentJson(const config::AgentSettings& agent) {
  Json json = Json::MakeObject();
  json.SetIfAny("permissions", agent.permissions.value_or(""));
  json.Set("approval_timeout_ms", Milliseconds(agent.approval_timeout));
  json.Set("fabro_tools", agent.fabro_tools).Set("skill_dirs", Json::Strings(agent.skill_dirs));
  Json mcps = Json::MakeObject();
  for (const auto& [name, server] : agent.mcps) mcps.Set(name, ServerJson(server));
  return json.Set("mcps", std::move(mcps));
}

Json ProviderJson(const config::LlmProvider& provider) {
  Json json = Json::MakeObject();
  json.SetIfAny("api", provider.api.value_or(""));
  json.SetIfAny("base_url", provider.base_url.value_or(""));
  json.SetIfAny("api_key_env", provider.api_key_env.value_or(""));
  json.SetIfAny("file", provider.file.value_or(""));
  return json.Set("headers", TextsJson(provider.headers));
}

}  // namespace

Json SettingsJson(const config::Settings& settings) {
  Json json = Json::MakeObject();
  json.Set("git_author_name", settings.git_author_name);
  json.Set("git_author_email", settings.git_author_email);
  json.Set("checkpoint_exclude_globs", Json::Strings(settings.checkpoint_exclude_globs));
  json.Set("model", ModelJson(settings.model)).Set("budget", BudgetJson(settings.budget));
  json.Set("agent", AgentJson(settings.agent));
  Json providers = Json::MakeObject();
  for (const auto& [name, provider] : settings.llm_providers) {
    providers.Set(name, ProviderJson(provider));
  }
  json.Set("llm_providers", std::move(providers));
  return json.Set("auto_approve", settings.auto_approve).Set("retros", settings.retros);
}

config::Lookup ReferencesIn(const config::Credentials& credentials) {
  return [credentials](
             const config::Reference& reference) -> fabro::Result<std::optional<std::string>> {
    if (reference.kind == config::Reference::Kind::kEnv) return credentials.Find(reference.name);
    const char* home = std::getenv("HOME");
    if (home == nullptr) return std::optional<std::string>();
    const std::optional<secrets::Secret> kept =
        TRY(secrets::Vault::OfHome(home).Get(reference.name));
    if (!kept.has_value()) return std::optional<std::string>();
    return std::optional<std::string>(kept->Reveal());
  };
}

}  // namespace fabro::cli
