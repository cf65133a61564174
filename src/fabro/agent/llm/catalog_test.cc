#include "fabro/agent/llm/catalog.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "fabro/agent/llm/catalog_data.h"

namespace fabro::llm {
namespace {

TEST(CatalogTest, EveryBuiltInLineIsReadAndNoNameStandsForTwo) {
  Catalog catalog;
  const Status read = catalog.Overlay(kCatalogData, "catalog.tsv");
  ASSERT_TRUE(read.ok()) << read.error().ToString();
  EXPECT_EQ(catalog.models().size(), 23u);
  std::set<std::string> names;
  for (const ModelInfo& model : catalog.models()) {
    EXPECT_TRUE(names.insert(model.id).second) << model.id;
    for (const std::string& alias : model.aliases) EXPECT_TRUE(names.insert(alias).second) << alias;
    EXPECT_GT(model.context_window, 0) << model.id;
  }
}

TEST(CatalogTest, FindsByIdAndAliasAndLeavesOthersUnknown) {
  const Catalog catalog = Catalog::BuiltIn();

  EXPECT_EQ(catalog.Find("opus")->id, "claude-opus-4-7");
  EXPECT_EQ(catalog.Find("gpt-5.5")->provider, "openai");
  EXPECT_EQ(catalog.Find("llama-7"), nullptr);
  EXPECT_EQ(catalog.DefaultOf("gemini"), "gemini-3.1-pro-preview");
  EXPECT_EQ(catalog.DefaultOf("ollama"), "");
}

TEST(CatalogTest, AUsersLineReplacesById) {
  Catalog catalog = Catalog::BuiltIn();
  const std::string mine =
      "# mine\nclaude-opus-4-7\tanthropic\topus\t5\t6\ttools\tnone\t-\t1\t2\t-\t-\t-\t-\n"
      "local\tollama\tl\t8192\t-\t-\tnone\t-\t-\t-\t-\t-\tdefault\t-\n";

  ASSERT_TRUE(catalog.Overlay(mine, "models.tsv"));

  EXPECT_EQ(catalog.Find("opus")->context_window, 5);
  EXPECT_FALSE(catalog.Find("local")->tools);
  EXPECT_EQ(catalog.DefaultOf("ollama"), "local");
  const Status bad = catalog.Overlay("a\tb\n", "models.tsv");
  EXPECT_NE(bad.error().message.find("models.tsv:1"), std::string::npos);
}

TEST(CatalogTest, TheNearestOfAnotherProviderHasTheSameAbilities) {
  const Catalog catalog = Catalog::BuiltIn();

  EXPECT_EQ(catalog.Nearest(*catalog.Find("claude-sonnet-4-6"), "openai")->id, "gpt-5.4");
  EXPECT_EQ(catalog.Nearest(*catalog.Find("claude-sonnet-4-6"), "kimi"), nullptr);
}

TEST(CatalogTest, AnEffortThatIsNotKnownBecomesTheNearest) {
  const Catalog catalog = Catalog::BuiltIn();
  std::vector<std::string> warnings;

  EXPECT_EQ(FitEffort(*catalog.Find("sonnet"), "high", warnings), "high");
  EXPECT_TRUE(warnings.empty());
  EXPECT_EQ(FitEffort(*catalog.Find("sonnet"), "max", warnings), "high");
  EXPECT_EQ(FitEffort(*catalog.Find("gpt-5.4-pro"), "low", warnings), "medium");
  EXPECT_EQ(FitEffort(*catalog.Find("kimi"), "low", warnings), "");
  EXPECT_EQ(warnings.size(), 3u);
}

TEST(CatalogTest, CostCountsEachKindOfTokenOnce) {
  const Catalog catalog = Catalog::BuiltIn();
  const Usage usage{.input_tokens = 1'000'000,
                    .output_tokens = 100'000,
                    .reasoning_tokens = 50'000,
                    .cache_read_tokens = 1'000'000,
                    .cache_write_tokens = 1'000'000};

  EXPECT_NEAR(*CostOf(*catalog.Find("opus"), usage), 5 + 2.5 + 0.5 + 6.25, 1e-9);
  EXPECT_FALSE(CostOf(*catalog.Find("codex-spark"), usage).has_value());
}

}  // namespace
}  // namespace fabro::llm
