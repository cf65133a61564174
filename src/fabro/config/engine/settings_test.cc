#include "fabro/config/engine/settings.h"

#include <gtest/gtest.h>

#include "fabro/config/engine/read_value.h"

namespace fabro::config::engine {
namespace {

Loaded OfFile(std::string text) {
  Inputs inputs;
  inputs.file_name = "f.yaml";
  inputs.file_text = std::move(text);
  return Load(inputs);
}

std::string FirstOf(const Loaded& loaded) {
  return loaded.findings.empty() ? "" : loaded.findings.front().ToString();
}

TEST(SettingsTest, EveryBuiltInValueIsOneThatAFileMaySay) {
  const Settings settings = Settings::Defaults();
  for (const KeyInfo& key : Keys()) {
    if (key.fallback.empty()) continue;
    ASSERT_NE(settings.Find(key.name), nullptr) << key.name;
  }
  EXPECT_TRUE(Load({}).findings.empty());
  EXPECT_EQ(settings.Number("resource_limits.default.memory_limit"), 536870912U);
}

TEST(SettingsTest, LaterLayersWinAndEachValueKnowsItsSource) {
  Inputs inputs;
  inputs.file_name = "f.yaml";
  inputs.file_text =
      "resource_limits: {default: {max_processes: 20, max_file_descriptors: 50, "
      "memory_limit: 64MiB}}";
  inputs.environment = {"FABER_RESOURCE_LIMITS_DEFAULT_MAX_PROCESSES=30",
                        "FABER_RESOURCE_LIMITS_DEFAULT_MAX_FILE_DESCRIPTORS=60", "HOME=/root"};
  inputs.sets = {"resource_limits.default.max_processes=40"};
  const Loaded loaded = Load(inputs);

  ASSERT_TRUE(loaded.findings.empty()) << FirstOf(loaded);
  const auto of = [&](std::string_view limit) {
    return loaded.settings.Find("resource_limits.default." + std::string(limit));
  };
  EXPECT_EQ(of("max_processes")->value, model::Json(40));
  EXPECT_EQ(of("max_processes")->source.layer, Layer::kCommandLine);
  EXPECT_EQ(of("max_file_descriptors")->value, model::Json(60));
  EXPECT_EQ(of("max_file_descriptors")->source.where,
            "FABER_RESOURCE_LIMITS_DEFAULT_MAX_FILE_DESCRIPTORS");
  EXPECT_EQ(of("memory_limit")->source.where, "f.yaml:1:74");
  EXPECT_EQ(of("wall_time_limit")->source.layer, Layer::kBuiltIn);
}

TEST(SettingsTest, UnknownKeysAreNamedWithPlaceAndNeighbour) {
  const Loaded loaded = OfFile("security:\n  default_securty_level: high\n");

  ASSERT_EQ(loaded.findings.size(), 1U);
  EXPECT_EQ(loaded.findings[0].code, "config_key_unknown");
  EXPECT_EQ(FirstOf(loaded), "f.yaml:2:3: security.default_securty_level: there is no such key");
  EXPECT_EQ(loaded.findings[0].fix, "did you mean security.default_security_level?");
  EXPECT_EQ(OfFile("sandbox: {memory_limit: 1}").findings[0].fix,
            "did you mean resource_limits.default.memory_limit?");
  EXPECT_EQ(OfFile("zzzzzzzzz: 1").findings[0].fix, "see `faber config --default` for the keys");
}

TEST(SettingsTest, ValuesOfAWrongKindOrOutOfRangeAreRefusedWithTheirPlace) {
  const auto refused = [](std::string text) { return FirstOf(OfFile(std::move(text))); };
  EXPECT_EQ(refused("resource_limits:\n  default:\n    memory_limit: lots"),
            "f.yaml:3:5: resource_limits.default.memory_limit: 'lots' is not a size: it does not "
            "start with a number");
  EXPECT_NE(refused("resource_limits: {default: {memory_limit: 0}}").find("0 is no value"),
            std::string::npos);
  EXPECT_NE(refused("resource_limits: {default: {max_processes: -3}}").find("negative"),
            std::string::npos);
  EXPECT_NE(refused("resource_limits: {default: {max_processes: 1.5}}").find("whole number"),
            std::string::npos);
  EXPECT_NE(refused("resource_limits: {default: {max_processes: [1]}}").find("a list stands"),
            std::string::npos);
  EXPECT_NE(refused("sandbox: {fresh: yes}").find("neither true nor false"), std::string::npos);
  EXPECT_NE(refused("logging: {level: loud}").find("none of its words"), std::string::npos);
  EXPECT_NE(refused("sandbox: {network: {allowed_ports: [0]}}").find("'0' is no port"),
            std::string::npos);
  EXPECT_NE(refused("sandbox: nothing").find("a section is expected"), std::string::npos);
  EXPECT_NE(refused("- a\n- b\n").find("a map of sections"), std::string::npos);
}

TEST(SettingsTest, AllMistakesAreReportedNotOnlyTheFirst) {
  EXPECT_EQ(OfFile("a: 1\nb: 2\nlogging: {level: x}").findings.size(), 3U);
}

TEST(SettingsTest, TheNetworkToggleNeverGivesTheHostsNetwork) {
  const Loaded loaded = OfFile("sandbox: {namespaces: {network: false}}");

  ASSERT_EQ(loaded.findings.size(), 1U);
  EXPECT_EQ(loaded.findings[0].code, "CFG_NETNS_IMPLIED");
  EXPECT_EQ(loaded.findings[0].severity, Severity::kWarning);
  EXPECT_TRUE(Usable(loaded.findings).ok());
}

TEST(SettingsTest, ContradictionsAreErrors) {
  const auto code = [](std::string text) { return OfFile(std::move(text)).findings.at(0).code; };
  EXPECT_EQ(code("sandbox: {network: {mode: host}}"), "config_contradiction");
  EXPECT_EQ(code("security: {default_security_level: high, seccomp: {level: low}}"),
            "config_contradiction");
  EXPECT_EQ(code("security: {default_security_level: high, capabilities: {allowed: [CAP_CHOWN]}}"),
            "capability_refused");
  EXPECT_EQ(code("security: {capabilities: {allowed: [CAP_SYS_MODULE]}}"), "capability_refused");
  EXPECT_EQ(code("security: {capabilities: {allowed: [CAP_NET_ADMIN]}}"), "capability_refused");
  EXPECT_EQ(code("sandbox: {filesystem: {tmpfs_size: 1GiB}}"), "config_contradiction");
  EXPECT_EQ(code("sandbox: {workspace: {type: disk}}"), "config_contradiction");
  EXPECT_EQ(code("sandbox: {filesystem: {allowed_paths: [../etc]}}"), "config_invalid");
  EXPECT_EQ(code("limits_profile: judge"), "config_invalid");
}

TEST(SettingsTest, AProfileOfLimitsFallsBackToTheDefaultSet) {
  const Loaded loaded =
      OfFile("limits_profile: judge\nresource_limits: {judge: {memory_limit: 64MiB}}");

  ASSERT_TRUE(loaded.findings.empty()) << FirstOf(loaded);
  EXPECT_EQ(loaded.settings.Number(loaded.settings.LimitKey("memory_limit")), 64U << 20U);
  EXPECT_EQ(loaded.settings.Number(loaded.settings.LimitKey("max_processes")), 10U);
}

TEST(SettingsTest, WhatThisBuildCannotDoIsRefusedNeverIgnored) {
  const Loaded loaded = OfFile("sandbox: {namespaces: {pid: false}}");

  ASSERT_EQ(loaded.findings.size(), 1U);
  EXPECT_EQ(loaded.findings[0].severity, Severity::kNotBuilt);
  EXPECT_EQ(Usable(loaded.findings).error().code, Code::kUnimplemented);
  // Saying the default is no wish for more.
  EXPECT_TRUE(OfFile("sandbox: {namespaces: {pid: true}}").findings.empty());
}

TEST(SettingsTest, TheOldNameOfTheBlockListIsRead) {
  const Loaded loaded = OfFile("validation: {blocked_commands: [curl, 'git push']}");

  ASSERT_TRUE(loaded.findings.empty()) << FirstOf(loaded);
  EXPECT_EQ(loaded.settings.Texts("validation.blocked"),
            (std::vector<std::string>{"curl", "git push"}));
}

TEST(SettingsTest, ListsOfTheEnvironmentMayBeWrittenWithCommas) {
  Inputs inputs;
  inputs.environment = {"FABER_VALIDATION_BLOCKED=curl,git push",
                        "FABER_VALIDATION_ALLOWED=['@seed', go]"};
  const Loaded loaded = Load(inputs);

  ASSERT_TRUE(loaded.findings.empty()) << FirstOf(loaded);
  EXPECT_EQ(loaded.settings.Texts("validation.blocked").size(), 2U);
  EXPECT_EQ(loaded.settings.Texts("validation.allowed").at(0), "@seed");
}

TEST(SettingsTest, AVariableOfOurSectionsThatNoKeyHasIsAnError) {
  Inputs inputs;
  inputs.environment = {"FABER_LOGGING_LEVLE=debug", "FABER_SOMETHING=1"};
  const Loaded loaded = Load(inputs);

  ASSERT_EQ(loaded.findings.size(), 1U);
  EXPECT_EQ(loaded.findings[0].fix, "did you mean FABER_LOGGING_LEVEL?");
}

TEST(SettingsTest, SecretsAreNeverWritten) {
  const KeyInfo* key = FindKey("auth.api_key");
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(WriteValue(*key, model::Json("hunter2")), "'***'");
}

}  // namespace
}  // namespace fabro::config::engine
