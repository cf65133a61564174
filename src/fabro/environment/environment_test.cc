#include "fabro/environment/environment.h"

#include <gtest/gtest.h>

namespace fabro::environment {
namespace {

config::Settings Selecting(const std::string& slug) {
  config::Settings settings;
  settings.environment = slug;
  return settings;
}

TEST(EnvironmentTest, NamespaceBlocksTheNetworkAndLimitsTheMachine) {
  const ResolvedEnvironment environment = Resolve(Selecting("namespace"), {}).value();
  EXPECT_EQ(environment.provider, Provider::kNamespace);
  EXPECT_EQ(environment.network_mode, "block");
  EXPECT_EQ(environment.cpu, 2U);
  EXPECT_EQ(environment.memory->bytes(), 4'000'000'000U);
  EXPECT_EQ(environment.workspace, "clone");
  EXPECT_TRUE(environment.warnings.empty());
}

TEST(EnvironmentTest, LocalWarnsUnlessTheMachineTrustsIt) {
  config::Settings settings = Selecting("local");
  EXPECT_EQ(Resolve(settings, {})->warnings.at(0).code, "local_no_isolation");
  settings.trust_local = true;
  EXPECT_TRUE(Resolve(settings, {})->warnings.empty());
}

TEST(EnvironmentTest, WhatIsNotBuiltNamesTheOneThatWorks) {
  for (const char* slug : {"default", "docker", "daytona"}) {
    const Error error = Resolve(Selecting(slug), {}).error();
    EXPECT_EQ(error.reason, "provider_not_built");
    EXPECT_NE(error.fix.find("--environment namespace"), std::string::npos);
  }
  const Error unknown = Resolve(Selecting("nosuch"), {}).error();
  EXPECT_EQ(unknown.reason, "unknown_environment");
  EXPECT_NE(unknown.fix.find("namespace, local"), std::string::npos);
}

TEST(EnvironmentTest, OverridesApplyToTheSelectedEnvironment) {
  config::Settings settings = Selecting("namespace");
  settings.overrides.cpu = 1;
  settings.overrides.memory = 1_GiB;
  settings.overrides.env["A"] = "1";
  settings.overrides.namespace_max_processes = 64;
  const ResolvedEnvironment environment = Resolve(settings, {.in_place = true}).value();
  EXPECT_EQ(environment.cpu, 1U);
  EXPECT_EQ(environment.memory, 1_GiB);
  EXPECT_EQ(environment.env.at("A"), "1");
  EXPECT_EQ(environment.max_processes, 64U);
  EXPECT_EQ(environment.workspace, "bind");
}

TEST(EnvironmentTest, AListMeansItsModeAndBecomesTheEnginesPolicy) {
  config::Settings settings = Selecting("namespace");
  settings.overrides.network_allow_hosts = {"*.example.com", "10.1.0.0/16"};
  const ResolvedEnvironment environment = Resolve(settings, {}).value();
  EXPECT_EQ(environment.network_mode, "host_allow_list");
  ASSERT_TRUE(HasEgress(environment));
  const model::EgressPolicy policy = EgressOf(environment).value();
  EXPECT_EQ(policy.hosts.size(), 2U);
  EXPECT_EQ(model::PortsOf(policy), (std::vector<std::uint16_t>{80, 443}));
  EXPECT_EQ(FromJson(ToJson(environment)).value(), environment);
}

TEST(EnvironmentTest, ModesWithoutPortsOfTheirOwnHaveThoseOfTheProvider) {
  config::Settings settings = Selecting("namespace");
  settings.overrides.network_mode = "allow_all";
  const model::EgressPolicy all = EgressOf(Resolve(settings, {}).value()).value();
  EXPECT_TRUE(all.allow_all);
  EXPECT_EQ(model::PortsOf(all), (std::vector<std::uint16_t>{22, 80, 443, 9418}));
  settings.overrides.namespace_egress_ports = {"8000-8001"};
  EXPECT_EQ(model::PortsOf(EgressOf(Resolve(settings, {}).value()).value()),
            (std::vector<std::uint16_t>{8000, 8001}));
}

TEST(EnvironmentTest, ANetworkThatContradictsItselfIsAnErrorAtItsKey) {
  const auto error = [](auto change) {
    config::Settings settings = Selecting("namespace");
    change(settings.overrides);
    const auto result = Resolve(settings, {});
    return result ? std::string() : result.error().message;
  };
  using Over = config::EnvironmentOverrides;
  EXPECT_NE(error([](Over& over) { over.network_allow = {"10.0.0.1"}; }).find("network.allow[0]"),
            std::string::npos);
  EXPECT_NE(error([](Over& over) {
              over.network_allow_hosts = {"a.test", "https://b.test"};
            }).find("network.allow_hosts[1]"),
            std::string::npos);
  EXPECT_NE(error([](Over& over) {
              over.network_allow = {"10.0.0.0/8"};
              over.network_allow_hosts = {"a.test"};
            }).find("network.mode"),
            std::string::npos);
  EXPECT_NE(error([](Over& over) { over.network_allow_ports = {"443"}; }).find("allow_ports"),
            std::string::npos);
  EXPECT_NE(error([](Over& over) {
              over.network_mode = "block";
              over.network_allow_hosts = {"a.test"};
            }).find("allow_hosts"),
            std::string::npos);
}

TEST(EnvironmentTest, AWishThatNothingEnforcesIsAnError) {
  config::Settings settings = Selecting("local");
  settings.overrides.network_mode = "block";
  EXPECT_EQ(Resolve(settings, {}).error().reason, "network_unenforceable");
  settings = Selecting("namespace");
  settings.overrides.network_mode = "cidr_allow_list";
  EXPECT_EQ(Resolve(settings, {}).error().reason, "network_invalid");
  settings = Selecting("namespace");
  settings.overrides.disk = 1_MiB;
  EXPECT_EQ(Resolve(settings, {}).error().reason, "invalid");
  settings = Selecting("namespace");
  settings.overrides.namespace_level = "lowest";
  EXPECT_EQ(Resolve(settings, {}).error().reason, "invalid");
  settings = Selecting("namespace");
  settings.overrides.namespace_max_processes = 0;
  EXPECT_EQ(Resolve(settings, {}).error().reason, "invalid");
}

TEST(EnvironmentTest, HighWantsAByteLimitOfTheWorkspace) {
  config::Settings settings = Selecting("namespace");
  settings.overrides.namespace_level = "high";
  EXPECT_EQ(Resolve(settings, {}).error().reason, "level_refused");
  settings.overrides.disk = 1_GiB;
  EXPECT_EQ(Resolve(settings, {})->disk, 1_GiB);
  settings.overrides.disk.reset();
  settings.overrides.namespace_store = "memory";
  EXPECT_EQ(Resolve(settings, {})->store, "memory");
  settings.overrides.namespace_store.reset();
  settings.overrides.namespace_degrade = {"workspace_limit"};
  EXPECT_TRUE(Resolve(settings, {}).ok());
}

TEST(EnvironmentTest, ARootIsASourceWithAnAbsolutePath) {
  config::Settings settings = Selecting("namespace");
  for (const char* root : {"host-dirs", "dir:/r", "tar:/r.tar", "oci:/l:v1"}) {
    settings.overrides.namespace_rootfs = root;
    EXPECT_EQ(Resolve(settings, {})->rootfs, root);
  }
  for (const char* root : {"dir:r", "docker:x", ""}) {
    settings.overrides.namespace_rootfs = root;
    EXPECT_EQ(Resolve(settings, {}).error().reason, "invalid") << root;
  }
}

TEST(EnvironmentTest, AnImageIsALayoutOnDiskAndTheOnlyRoot) {
  config::Settings settings = Selecting("namespace");
  settings.overrides.image_docker = "oci:/l:v1";
  EXPECT_EQ(Resolve(settings, {})->rootfs, "oci:/l:v1");
  settings.overrides.namespace_rootfs = "host-dirs";
  EXPECT_EQ(Resolve(settings, {}).error().reason, "conflicting_root");
  settings.overrides.namespace_rootfs.reset();
  settings.overrides.image_docker = "debian:12";
  EXPECT_EQ(Resolve(settings, {}).error().reason, "image_not_built");
}

TEST(EnvironmentTest, LocalSaysWhatItIgnores) {
  config::Settings settings = Selecting("local");
  settings.trust_local = true;
  settings.overrides.memory = 1_GiB;
  EXPECT_EQ(Resolve(settings, {})->warnings.at(0).path, "run.environment.resources.memory");
}

TEST(EnvironmentTest, JsonGoesBothWays) {
  config::Settings settings = Selecting("namespace");
  settings.overrides.env["A"] = "1";
  const ResolvedEnvironment environment = Resolve(settings, {}).value();
  EXPECT_EQ(FromJson(ToJson(environment)).value(), environment);
  EXPECT_FALSE(FromJson(model::Json::MakeObject()).ok());
}

}  // namespace
}  // namespace fabro::environment
