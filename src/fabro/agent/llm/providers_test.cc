#include "fabro/agent/llm/providers.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace fabro::llm {
namespace {

using Variables = std::map<std::string, std::string>;

ProviderSetup With(const Variables& keys, const Variables& variables = {}) {
  ProviderSetup setup;
  setup.key = [keys](const std::string& name) -> Result<std::optional<std::string>> {
    const auto found = keys.find(name);
    if (found == keys.end()) return std::optional<std::string>();
    return std::optional<std::string>(found->second);
  };
  setup.variable = [variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
  return setup;
}

std::unique_ptr<Client> ClientOf(const ProviderSetup& setup) {
  auto client = MakeClient(setup, std::make_shared<const Catalog>(Catalog::BuiltIn()));
  EXPECT_TRUE(client.ok()) << client.error().ToString();
  return *std::move(client);
}

ProviderInfo Named(const ProviderSetup& setup, const std::string& id) {
  const auto providers = ProvidersOf(setup);
  EXPECT_TRUE(providers.ok()) << providers.error().ToString();
  for (const ProviderInfo& info : *providers) {
    if (info.id == id) return info;
  }
  ADD_FAILURE() << "no " << id;
  return {};
}

TEST(ProvidersTest, TheFirstWithAKeyIsTheDefault) {
  EXPECT_EQ(ClientOf(With({{"GOOGLE_API_KEY", "k"}}))->RouteOf({.model = "x"})->provider, "gemini");
  EXPECT_EQ(ClientOf(With({{"GEMINI_API_KEY", "k"}, {"OPENAI_API_KEY", "k"}}))->RouteOf({})->model,
            "gpt-5.5");
}

TEST(ProvidersTest, WithoutAnyKeyTheAnswerNamesWhatToSet) {
  const auto route = ClientOf(With({}))->RouteOf({});

  EXPECT_EQ(route.error().reason, "llm_configuration");
  EXPECT_NE(route.error().fix.find("ANTHROPIC_API_KEY"), std::string::npos);
}

TEST(ProvidersTest, BaseUrlsComeFromSettingsThenTheEnvironment) {
  ProviderSetup setup =
      With({}, {{"OPENAI_BASE_URL", "http://proxy/v1"}, {"OPENAI_ORG_ID", "org"}});

  EXPECT_EQ(Named(setup, "openai").base_url, "http://proxy/v1");
  EXPECT_EQ(Named(setup, "openai").headers.front().value, "org");
  setup.settings["openai"].base_url = "https://mine/v1";
  EXPECT_EQ(Named(setup, "openai").base_url, "https://mine/v1");
}

TEST(ProvidersTest, ALocalServerNeedsNoKeyUnlessOneIsNamed) {
  ProviderSetup setup = With({});
  setup.settings["ollama"].base_url = "http://127.0.0.1:11434/v1";
  setup.settings["vllm"].base_url = "http://127.0.0.1:8000/v1";
  setup.settings["vllm"].key_name = "VLLM_KEY";

  const auto client = ClientOf(setup);

  EXPECT_EQ(client->RouteOf({.model = "llama3", .provider = "ollama"})->model, "llama3");
  const auto refused = client->RouteOf({.model = "m", .provider = "vllm"});
  EXPECT_NE(refused.error().fix.find("VLLM_KEY"), std::string::npos);
}

TEST(ProvidersTest, WhatCannotBeCalledIsSaidWhenItIsSetUp) {
  ProviderSetup setup = With({});
  setup.settings["mine"].api = Api::kOpenAi;
  EXPECT_NE(ProvidersOf(setup).error().message.find("no base_url"), std::string::npos);
  for (const char* url : {"ftp://x", "mine", "https://user:pw@x/", "https://x/?key=1"}) {
    setup.settings["mine"].base_url = url;
    EXPECT_EQ(ProvidersOf(setup).error().reason, "llm_configuration") << url;
    EXPECT_EQ(ProvidersOf(setup).error().ToString().find("pw"), std::string::npos);
  }
}

}  // namespace
}  // namespace fabro::llm
