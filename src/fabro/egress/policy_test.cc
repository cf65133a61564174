#include "fabro/egress/policy.h"

#include <gtest/gtest.h>

namespace fabro::egress {
namespace {

using model::EgressPolicy;

EgressPolicy PolicyOf(std::initializer_list<const char*> hosts) {
  EgressPolicy policy;
  for (const char* host : hosts) policy.hosts.push_back(*model::ParseHostRule(host));
  return policy;
}

bool Reaches(const EgressPolicy& policy, const char* text) {
  const model::IpAddress address = *model::ParseIpAddress(text);
  const auto grant = MatchAddress(policy, address);
  return grant && MayConnect(policy, *grant, address);
}

// N16: as the threat matrix lists it.
TEST(PolicyTest, AWildcardIsEverythingBelowTheZoneAndNotTheZone) {
  const EgressPolicy policy = PolicyOf({"*.example.test", "exact.test"});
  EXPECT_TRUE(MatchName(policy, "a.example.test"));
  EXPECT_TRUE(MatchName(policy, "a.b.example.test"));
  EXPECT_FALSE(MatchName(policy, "example.test"));
  EXPECT_FALSE(MatchName(policy, "aexample.test"));
  EXPECT_FALSE(MatchName(policy, ".example.test"));
  EXPECT_TRUE(MatchName(policy, "exact.test"));
  EXPECT_FALSE(MatchName(policy, "sub.exact.test"));
}

// N2, N3, N14.
TEST(PolicyTest, NoDeniedAddressIsReachedWithoutARuleThatSaysSo) {
  EgressPolicy all;
  all.allow_all = true;
  const EgressPolicy everything = PolicyOf({"0.0.0.0/0", "::/0"});
  for (const char* denied : {"0.0.0.0",
                             "10.0.0.5",
                             "100.64.0.1",
                             "127.0.0.1",
                             "169.254.169.254",
                             "172.16.0.1",
                             "192.0.0.1",
                             "192.0.2.1",
                             "192.88.99.1",
                             "192.168.1.1",
                             "198.18.0.1",
                             "198.51.100.1",
                             "203.0.113.1",
                             "224.0.0.1",
                             "255.255.255.255",
                             "168.63.129.16",
                             "100.100.100.200",
                             "::",
                             "::1",
                             "::ffff:127.0.0.1",
                             "::ffff:169.254.169.254",
                             "::169.254.169.254",
                             "64:ff9b::a9fe:a9fe",
                             "64:ff9b:1::1",
                             "2002:a9fe:a9fe::1",
                             "2002:7f00:1::",
                             "2001:0:1::1",
                             "2001:db8::1",
                             "fd00:ec2::254",
                             "fd66:6b::5",
                             "fe80::1",
                             "fec0::1",
                             "ff02::1"}) {
    EXPECT_FALSE(Reaches(all, denied)) << denied;
    EXPECT_FALSE(Reaches(everything, denied)) << denied;
  }
  for (const char* open : {"93.184.216.34", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"}) {
    EXPECT_TRUE(Reaches(all, open)) << open;
    EXPECT_TRUE(Reaches(everything, open)) << open;
  }
}

TEST(PolicyTest, ARuleWithinADeniedRangeOpensItselfAlone) {
  const EgressPolicy policy = PolicyOf({"10.1.0.0/16", "169.254.0.0/16", "fd00::/16"});
  EXPECT_TRUE(Reaches(policy, "10.1.2.3"));
  EXPECT_FALSE(Reaches(policy, "10.2.0.1"));
  EXPECT_TRUE(Reaches(policy, "169.254.1.1"));
  EXPECT_FALSE(Reaches(policy, "169.254.169.254"));
  EXPECT_FALSE(Reaches(policy, "fd00:ec2::254"));
  EXPECT_TRUE(Reaches(PolicyOf({"169.254.169.254"}), "169.254.169.254"));
}

// N11.
TEST(PolicyTest, OnlyANameMarkedForItResolvesToPrivateAddresses) {
  EgressPolicy policy = PolicyOf({"a.test", "b.test"});
  policy.hosts[1].allow_private = true;
  const auto a = *MatchName(policy, "a.test");
  const auto b = *MatchName(policy, "b.test");
  const auto at = [](const char* text) { return *model::ParseIpAddress(text); };
  EXPECT_FALSE(MayConnect(policy, a, at("10.0.0.5")));
  EXPECT_TRUE(MayConnect(policy, b, at("10.0.0.5")));
  EXPECT_TRUE(MayConnect(policy, b, at("fd12::1")));
  for (const char* never : {"127.0.0.1", "::1", "169.254.169.254", "100.100.100.200", "224.0.0.1",
                            "fd00:ec2::254", "198.18.0.9"}) {
    EXPECT_FALSE(MayConnect(policy, b, at(never))) << never;
  }
}

TEST(PolicyTest, AnEmptyListAllowsNothing) {
  EXPECT_FALSE(MatchName({}, "example.com"));
  EXPECT_FALSE(MatchAddress({}, *model::ParseIpAddress("8.8.8.8")));
}

}  // namespace
}  // namespace fabro::egress
