#include "fabro/model/egress.h"

#include <gtest/gtest.h>

namespace fabro::model {
namespace {

TEST(IpTest, TextThatIsNotPlainIsNoAddress) {
  for (const char* text : {"0x7f.0.0.1", "127.1", "2130706433", "010.0.0.1", "1.2.3.4.5", "::1%lo",
                           "", "1.2.3", "12345::"}) {
    EXPECT_FALSE(ParseIpAddress(text)) << text;
  }
  EXPECT_EQ(ToString(*ParseIpAddress("2001:DB8::1")), "2001:db8::1");
  EXPECT_EQ(ToString(Unmapped(*ParseIpAddress("::ffff:169.254.169.254"))), "169.254.169.254");
}

TEST(IpTest, ARangeHasNoBitsBehindItsPrefix) {
  EXPECT_FALSE(ParseIpRange("10.0.0.1/8"));
  EXPECT_FALSE(ParseIpRange("10.0.0.0/33"));
  EXPECT_FALSE(ParseIpRange("10.0.0.0/"));
  const IpRange ten = *ParseIpRange("10.0.0.0/8");
  EXPECT_TRUE(ten.Contains(*ParseIpAddress("10.255.0.1")));
  EXPECT_FALSE(ten.Contains(*ParseIpAddress("11.0.0.0")));
  EXPECT_TRUE(ten.Contains(*ParseIpRange("10.1.0.0/16")));
  EXPECT_FALSE(ParseIpRange("10.1.0.0/16")->Contains(ten));
}

TEST(HostRuleTest, NamesAreReadInOneForm) {
  EXPECT_EQ(ParseHostRule("Example.COM.")->name, "example.com");
  EXPECT_EQ(ParseHostRule("*.example.com")->kind, HostRule::Kind::kWildcard);
  EXPECT_EQ(ToString(*ParseHostRule("10.1.0.0/16")), "10.1.0.0/16");
  EXPECT_EQ(ToString(*ParseHostRule("192.0.2.7")), "192.0.2.7");
}

TEST(HostRuleTest, WhatIsNoHostIsRefusedWithAFix) {
  for (const char* text : {"",
                           "*",
                           "**",
                           "**.example.com",
                           "a*.example.com",
                           "http://example.com",
                           "example.com/path",
                           "example.com:443",
                           "exa mple.com",
                           "ex\xc3\xa4.com",
                           "127.0.0.1",
                           "::1",
                           "::ffff:1.2.3.4",
                           "0x7f.1",
                           "2130706433",
                           "1.2.3.256",
                           "224.0.0.1",
                           "fe80::1",
                           "a..b",
                           "-"}) {
    const auto rule = ParseHostRule(text);
    if (std::string_view(text) == "-") continue;  // An odd label, but one.
    ASSERT_FALSE(rule) << text;
    EXPECT_EQ(rule.error().reason, "bad_host") << text;
    EXPECT_FALSE(rule.error().fix.empty()) << text;
  }
}

TEST(PortTest, RangesAreReadAndTheNameServersPortIsNot) {
  EXPECT_EQ(*ParsePortRange("8000-8010"), (PortRange{8000, 8010}));
  for (const char* text : {"", "0", "65536", "80-79", "53", "1-100", "http", "80-", "*"}) {
    EXPECT_FALSE(ParsePortRange(text)) << text;
  }
}

TEST(EgressTest, ContradictionsAreRefused) {
  EgressPolicy policy;
  EXPECT_TRUE(CheckEgress(policy));
  policy.ports = {{1000, 2000}};
  EXPECT_FALSE(CheckEgress(policy));
  policy = {};
  policy.hosts = {*ParseHostRule("198.18.7.0/24")};
  EXPECT_FALSE(CheckEgress(policy));
  policy = {};
  policy.synthetic_v4 = *ParseIpRange("10.0.0.0/24");
  EXPECT_FALSE(CheckEgress(policy));
  policy = {};
  policy.hosts = {{.kind = HostRule::Kind::kName, .name = "Not.Normal", .range = {}}};
  EXPECT_FALSE(CheckEgress(policy));
}

}  // namespace
}  // namespace fabro::model
