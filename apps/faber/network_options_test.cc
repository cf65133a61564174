#include "apps/faber/network_options.h"

#include <gtest/gtest.h>

namespace fabro::faber {
namespace {

using Uses = std::vector<OptionUse>;

TEST(NetworkOptionsTest, AHostAloneMeansEgressOnTheUsualPorts) {
  model::RunRequest request;
  ASSERT_TRUE(ReadNetworkOptions(request, Uses{{"--allow-host", "*.Example.com,10.1.0.0/16"}}));
  EXPECT_EQ(request.sandbox.network, model::NetworkMode::kEgress);
  ASSERT_EQ(request.sandbox.egress.hosts.size(), 2U);
  EXPECT_EQ(model::ToString(request.sandbox.egress.hosts[0]), "*.example.com");
  EXPECT_EQ(model::PortsOf(request.sandbox.egress), (std::vector<std::uint16_t>{80, 443}));
}

TEST(NetworkOptionsTest, PortsReplaceTheUsualOnes) {
  model::RunRequest request;
  ASSERT_TRUE(ReadNetworkOptions(
      request, Uses{{"--allow-host", "a.test"}, {"--allow-port", "443,8000-8001"}}));
  EXPECT_EQ(model::PortsOf(request.sandbox.egress), (std::vector<std::uint16_t>{443, 8000, 8001}));
}

TEST(NetworkOptionsTest, AnotherModeHasNoHosts) {
  model::RunRequest request;
  request.sandbox.network = model::NetworkMode::kNone;
  const Status status = ReadNetworkOptions(request, Uses{{"--allow-host", "a.test"}});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().fix, "use --network egress");
}

TEST(NetworkOptionsTest, WhatCannotBeReadNamesItsOption) {
  for (const OptionUse& use : Uses{{"--allow-host", "http://a.test"},
                                   {"--allow-private-host", "10.0.0.1"},
                                   {"--allow-port", "53"},
                                   {"--network-check", "all"},
                                   {"--network-connections", "0"},
                                   {"--network-bytes", "much"},
                                   {"--network-rate", "1"}}) {
    model::RunRequest request;
    const Status status = ReadNetworkOptions(request, Uses{use});
    ASSERT_FALSE(status) << use.name;
    if (use.name != "--network-rate") {
      EXPECT_TRUE(status.error().message.starts_with(use.name)) << status.error().message;
    }
  }
}

TEST(NetworkOptionsTest, WithoutOneNothingChanges) {
  model::RunRequest request;
  ASSERT_TRUE(ReadNetworkOptions(request, {}));
  ASSERT_TRUE(ReadNetworkOptions(
      request,
      Uses{{"--allow-ptrace", ""}, {"--allow-path", "/tmp"}, {"--allow-syscall", "mount"}}));
  EXPECT_EQ(request.sandbox.network, std::nullopt);
}

}  // namespace
}  // namespace fabro::faber
