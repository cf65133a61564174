#include "fabro/agent/llm/client.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <memory>
#include <string>
#include <vector>

#include "fabro/agent/llm/scripted/scripted.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::llm {
namespace {

std::shared_ptr<Scripted> Playing(const std::string& json) {
  return std::make_shared<Scripted>(std::make_shared<const Script>(*ParseScript(json)));
}

// A client with providers that are scripts, and a wait that only writes down what it was asked.
struct Rig {
  explicit Rig(ClientOptions options = {}) {
    options.wait = [this](std::chrono::milliseconds delay, int) {
      waits.push_back(delay.count());
      return true;
    };
    if (!options.jitter) options.jitter = [] { return 1.0; };
    client = std::make_unique<Client>(std::move(options),
                                      std::make_shared<const Catalog>(Catalog::BuiltIn()));
  }
  Result<Response> Ask(const std::string& model, const std::string& provider = {}) {
    Request request;
    request.model = model;
    request.provider = provider;
    request.caller.node = "a";
    return client->Generate(
        request,
        [this](const StreamEvent& event) -> Status {
          if (std::get_if<RetryNotice>(&event) != nullptr) said += "retry ";
          if (const auto* move = std::get_if<FailoverNotice>(&event)) {
            said += move->from_model + ">" + move->to_provider + "/" + move->to_model + " ";
          }
          return {};
        },
        -1);
  }
  std::vector<std::int64_t> waits;
  std::string said;
  std::unique_ptr<Client> client;
};

TEST(ClientTest, AliasesFindTheirProviderAndId) {
  Rig rig;
  rig.client->Add("anthropic", Playing("{}"));

  const auto response = rig.Ask("opus");

  ASSERT_TRUE(response.ok()) << response.error().ToString();
  EXPECT_EQ(response->model, "claude-opus-4-7");
}

TEST(ClientTest, AnUnknownModelGoesAsItIsToTheProviderThatIsNamedOrTheDefault) {
  Rig rig({.default_provider = "local"});
  rig.client->Add("local", Playing("{}"));
  rig.client->Add("other", Playing("{}"));

  EXPECT_EQ(rig.Ask("llama-7")->model, "llama-7");
  EXPECT_EQ(*rig.client->RouteOf({.model = "opus", .provider = "other"}),
            (Client::Route{.provider = "other", .model = "opus"}));
}

TEST(ClientTest, WhatIsNotSetUpIsSaidWithItsFix) {
  Rig rig;
  rig.client->AddMissing("anthropic", "set ANTHROPIC_API_KEY");

  EXPECT_EQ(rig.Ask("opus").error().fix, "set ANTHROPIC_API_KEY");
  EXPECT_EQ(rig.Ask("x", "nowhere").error().reason, "llm_configuration");
  EXPECT_EQ(rig.Ask("x").error().reason, "llm_configuration");
}

TEST(ClientTest, TransientFailuresAreRetriedWithGrowingDelays) {
  Rig rig;
  rig.client->Add("anthropic", Playing(R"({"a": [{"error": "server", "times": 3, "text": "x"}]})"));

  const auto response = rig.Ask("opus");

  ASSERT_TRUE(response.ok());
  EXPECT_EQ(rig.waits, (std::vector<std::int64_t>{1000, 2000, 4000}));
  EXPECT_EQ(rig.said, "retry retry retry ");
}

TEST(ClientTest, RetriesEndAfterTheThird) {
  Rig rig;
  rig.client->Add("anthropic", Playing(R"({"a": [{"error": "network"}]})"));

  EXPECT_EQ(rig.Ask("opus").error().reason, "llm_network");
  EXPECT_EQ(rig.waits.size(), 3u);
}

TEST(ClientTest, RetryAfterReplacesTheDelayAndIsNotWaitedForBeyondAMinute) {
  Rig short_one;
  short_one.client->Add(
      "anthropic",
      Playing(R"({"a": [{"error": "rate_limit", "times": 1, "retry_after": 7, "text": "x"}]})"));
  EXPECT_TRUE(short_one.Ask("opus").ok());
  EXPECT_EQ(short_one.waits, (std::vector<std::int64_t>{7000}));

  Rig long_one;
  long_one.client->Add("anthropic",
                       Playing(R"({"a": [{"error": "rate_limit", "retry_after": 61}]})"));
  EXPECT_EQ(long_one.Ask("opus").error().reason, "llm_rate_limit");
  EXPECT_TRUE(long_one.waits.empty());
}

TEST(ClientTest, PermanentFailuresAreNot) {
  for (const char* word : {"auth", "access_denied", "not_found", "invalid_request",
                           "context_length", "timeout", "content_filter", "too_large"}) {
    Rig rig;
    rig.client->Add("anthropic", Playing(std::string(R"({"a": [{"error": ")") + word + R"("}]})"));
    EXPECT_FALSE(rig.Ask("opus").ok());
    EXPECT_TRUE(rig.waits.empty()) << word;
  }
}

TEST(ClientTest, AFailureAfterOutputBeganIsABrokenStreamAndTheCallersBusiness) {
  Rig rig({.fallbacks = {"openai"}});
  rig.client->Add("anthropic", Playing(R"({"a": [{"error": "server", "partial": "half a"}]})"));
  rig.client->Add("openai", Playing("{}"));

  EXPECT_EQ(rig.Ask("opus").error().reason, "llm_stream");
  EXPECT_EQ(rig.said, "");
}

TEST(ClientTest, FallbacksFollowInOrderAndLast) {
  Rig rig({.fallbacks = {"kimi", "openai", "gemini/gemini-flash"}});
  rig.client->Add("anthropic", Playing(R"({"a": [{"error": "server"}]})"));
  rig.client->AddMissing("kimi", "no key");
  rig.client->Add("openai", Playing(R"({"a": [{"error": "quota"}]})"));
  rig.client->Add("gemini", Playing("{}"));

  const auto first = rig.Ask("opus");
  rig.said.clear();
  const auto second = rig.Ask("opus");

  EXPECT_EQ(first->model, "gemini-3-flash-preview");
  EXPECT_EQ(second->model, "gemini-3-flash-preview");
  EXPECT_EQ(rig.said, "");  // It stays there.
}

TEST(ClientTest, AProviderAloneStandsForItsModelNearestInPrice) {
  Rig rig({.fallbacks = {"openai"}});
  rig.client->Add("anthropic", Playing(R"({"a": [{"error": "timeout"}]})"));
  rig.client->Add("openai", Playing("{}"));

  EXPECT_EQ(rig.Ask("sonnet")->model, "gpt-5.4");
  EXPECT_EQ(rig.said, "claude-sonnet-4-6>openai/gpt-5.4 ");
}

TEST(ClientTest, NoFallbackForWhatAnotherModelWouldRefuseToo) {
  Rig rig({.fallbacks = {"openai"}});
  rig.client->Add("anthropic", Playing(R"({"a": [{"error": "invalid_request"}]})"));
  rig.client->Add("openai", Playing("{}"));

  EXPECT_EQ(rig.Ask("opus").error().reason, "llm_invalid_request");
}

TEST(ClientTest, TheCostIsThatOfTheModelThatAnswered) {
  Rig rig;
  rig.client->Add("anthropic",
                  Playing(R"({"a": [{"text": "x", "usage": {"input": 1000, "output": 100}}]})"));

  EXPECT_NEAR(*rig.Ask("opus")->cost_usd, 0.005 + 0.0025, 1e-12);
}

TEST(ClientTest, ACancelledWaitEndsTheCall) {
  const UniqueFd cancel(::eventfd(1, EFD_CLOEXEC));

  EXPECT_FALSE(RealWait(std::chrono::hours(1), cancel.get()));
  EXPECT_TRUE(RealWait(std::chrono::milliseconds(1), -1));
}

}  // namespace
}  // namespace fabro::llm
