// `fabro model list` and `fabro model test`.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <utility>

#include "../model_providers.h"
#include "../workflow_source.h"
#include "commands.h"
#include "fabro/agent/llm/providers.h"
#include "fabro/base/duration.h"
#include "fabro/config/resolve.h"
#include "fabro/model/json.h"

namespace fabro::cli {
namespace {

using model::Json;

struct Models {
  std::shared_ptr<const llm::Catalog> catalog;
  std::vector<llm::ProviderInfo> providers;
  std::unique_ptr<llm::Client> client;
};

fabro::Result<Models> Load() {
  const config::LoadedLayers loaded =
      TRY(config::LoadLayers(std::nullopt, config::Flags(), Here()));
  const config::Settings settings = TRY(config::Resolve(loaded.layers));
  const config::Credentials credentials = CredentialsOf(".");
  llm::ProviderSetup setup = TRY(ProvidersOf(settings.llm_providers, credentials));
  setup.http = llm::MakeHttp(credentials.Find("FABRO_CA_FILE").value_or(""));
  setup.client.retries.max_retries = 0;  // A test says what is now.
  Models models;
  models.catalog = TRY(llm::LoadCatalog(HomeDir()));
  models.providers = TRY(llm::ProvidersOf(setup));
  models.client = TRY(llm::MakeClient(setup, models.catalog));
  return models;
}

std::string Pad(std::string text, std::size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text;
}

std::string Thousands(std::int64_t tokens) {
  if (tokens == 0) return "-";
  return tokens % 1'000'000 == 0 ? std::to_string(tokens / 1'000'000) + "M"
                                 : std::to_string(tokens / 1000) + "K";
}

std::string Price(const std::optional<double>& dollars) {
  if (!dollars) return "-";
  std::array<char, 32> text{};
  const int size = std::snprintf(text.data(), text.size(), "%.2f", *dollars);
  return std::string(text.data(), static_cast<std::size_t>(size));
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

Json ToJson(const llm::ModelInfo& model, bool ready) {
  Json json = Json::MakeObject()
                  .Set("id", model.id)
                  .Set("provider", model.provider)
                  .Set("aliases", Json::Strings(model.aliases))
                  .Set("context_window", model.context_window)
                  .Set("max_output", model.max_output)
                  .Set("tools", model.tools)
                  .Set("vision", model.vision)
                  .Set("efforts", Json::Strings(model.efforts))
                  .Set("default", model.provider_default)
                  .Set("ready", ready);
  if (model.input_price) json.Set("input_usd_per_million", *model.input_price);
  if (model.output_price) json.Set("output_usd_per_million", *model.output_price);
  return json;
}

Status List(const ModelListOptions& options, Console& console) {
  const Models models = TRY(Load());
  Json json = Json::MakeArray();
  if (!console.json() && !options.ids_only) {
    console.Result(Pad("MODEL", 36) + Pad("PROVIDER", 11) + Pad("CONTEXT", 9) +
                   Pad("IN/OUT $ per M", 16) + Pad("KEY", 5) + "ALIASES");
  }
  for (const llm::ModelInfo& model : models.catalog->models()) {
    if (!options.provider.empty() && model.provider != options.provider) continue;
    const bool ready = models.client->Has(model.provider);
    if (console.json()) {
      json.Push(ToJson(model, ready));
    } else if (options.ids_only) {
      console.Result(model.id);
    } else {
      const std::string price = Price(model.input_price) + "/" + Price(model.output_price);
      console.Result(Pad(model.id + (model.provider_default ? " *" : ""), 36) +
                     Pad(model.provider, 11) + Pad(Thousands(model.context_window), 9) +
                     Pad(price, 16) + Pad(ready ? "yes" : "no", 5) + Joined(model.aliases));
    }
  }
  if (console.json()) console.Result(json.Dump());
  return {};
}

llm::Request Probe(const llm::Client::Route& route) {
  llm::Request request;
  request.provider = route.provider;
  request.model = route.model;
  request.max_tokens = 64;
  request.purpose = llm::Purpose::kProbe;
  request.messages.push_back(llm::TextMessage(llm::Role::kUser, "Answer with the single word ok."));
  return request;
}

// Streams an answer, and with `deep` makes the model call a tool.
fabro::Result<llm::Response> TestOne(llm::Client& client, const llm::Client::Route& route,
                                     bool deep) {
  const llm::Sink ignore = [](const llm::StreamEvent&) -> Status { return {}; };
  llm::Response answer = TRY(client.Generate(Probe(route), ignore, -1));
  if (!deep) return answer;
  llm::Request request = Probe(route);
  request.max_tokens = 1024;
  request.messages.back() = llm::TextMessage(llm::Role::kUser, "Call the tool with word = ok.");
  request.tools.push_back({.name = "say",
                           .description = "Says a word.",
                           .parameters =
                               R"({"type":"object","properties":{"word":{"type":"string"}},)"
                               R"("required":["word"],"additionalProperties":false})"});
  request.tool_choice = {.mode = llm::ToolChoice::Mode::kNamed, .name = "say"};
  const llm::Response called = TRY(client.Generate(request, ignore, -1));
  if (llm::ToolCallsOf(called.message).empty()) {
    return llm::CallFailure(llm::ErrorKind::kUnsupported, "the model called no tool");
  }
  answer.usage += called.usage;
  if (answer.cost_usd && called.cost_usd) *answer.cost_usd += *called.cost_usd;
  return answer;
}

// What to test: the model that is named, or the default one of each provider with a key.
fabro::Result<std::vector<llm::Client::Route>> Chosen(const ModelTestOptions& options,
                                                      const Models& models) {
  std::vector<llm::Client::Route> routes;
  if (!options.model.empty() || !options.provider.empty()) {
    llm::Request request;
    request.model = options.model;
    request.provider = options.provider;
    llm::Client::Route route = TRY(models.client->RouteOf(request));
    routes.push_back(std::move(route));
    return routes;
  }
  for (const llm::ProviderInfo& provider : models.providers) {
    const std::string model = models.catalog->DefaultOf(provider.id);
    if (models.client->Has(provider.id) && !model.empty()) {
      routes.push_back({.provider = provider.id, .model = model});
    }
  }
  if (routes.empty()) {
    return llm::CallFailure(llm::ErrorKind::kConfiguration, "no provider of models has a key",
                            "fabro provider login --provider anthropic");
  }
  return routes;
}

fabro::Result<int> Test(const ModelTestOptions& options, Console& console) {
  const Models models = TRY(Load());
  const std::vector<llm::Client::Route> routes = TRY(Chosen(options, models));
  int code = kOk;
  Json json = Json::MakeArray();
  for (const llm::Client::Route& route : routes) {
    const std::string name = route.provider + "/" + route.model;
    const auto started = std::chrono::steady_clock::now();
    const fabro::Result<llm::Response> answer = TestOne(*models.client, route, options.deep);
    const Nanos took = std::chrono::steady_clock::now() - started;
    if (!answer.ok()) code = kFailed;
    if (console.json()) {
      Json one = Json::MakeObject().Set("model", name).Set("ok", answer.ok());
      one.Set("duration_ms", std::chrono::duration_cast<std::chrono::milliseconds>(took).count());
      if (!answer.ok()) one.Set("code", answer.error().reason);
      if (!answer.ok()) one.Set("error", answer.error().message).Set("fix", answer.error().fix);
      json.Push(std::move(one));
    } else if (answer.ok()) {
      console.Result(console.Paint("32", "ok      ") + name + "  " + HumanDuration(took) + "  " +
                     std::to_string(answer->usage.total()) + " tokens");
    } else {
      console.Result(console.Paint("31", "failed  ") + name + "  " +
                     Inert(answer.error().ToString()));
    }
  }
  if (console.json()) console.Result(json.Dump());
  return code;
}

}  // namespace

int Run(const ModelListOptions& options, const GlobalOptions&, Console& console) {
  const Status listed = List(options, console);
  return listed.ok() ? kOk : console.Fail(listed.error());
}

int Run(const ModelTestOptions& options, const GlobalOptions&, Console& console) {
  const fabro::Result<int> tested = Test(options, console);
  return tested.ok() ? *tested : console.Fail(tested.error());
}

}  // namespace fabro::cli
