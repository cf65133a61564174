#include <gtest/gtest.h>
#include <unistd.h>

#include "fabro/egress/wire/control.h"
#include "fabro/egress/wire/ledger.h"

namespace fabro::egress::wire {
namespace {

using model::DenyReason;

model::EgressPolicy SomePolicy() {
  model::EgressPolicy policy;
  for (const char* host : {"a.test", "*.b.test", "10.1.0.0/16", "2606::/16"}) {
    policy.hosts.push_back(*model::ParseHostRule(host));
  }
  policy.hosts[0].allow_private = true;
  policy.ports = {{443, 443}, {8000, 8003}};
  policy.tls_sni = true;
  policy.max_bytes = 5_MiB;
  return policy;
}

TEST(ControlTest, APolicyCrossesUnchanged) {
  const Add add{.policy = SomePolicy(), .ipv6 = false};
  const std::string packet = Encode(Type::kAdd, 7, Encode(add));
  const auto message = Decode(packet);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->sandbox, 7U);
  const auto read = DecodeAdd(message->body);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->policy, add.policy);
  EXPECT_FALSE(read->ipv6);
}

TEST(ControlTest, WhatIsCutOrLongerIsRefused) {
  const std::string body = Encode(Add{.policy = SomePolicy(), .ipv6 = true});
  for (std::size_t size = 0; size < body.size(); ++size) {
    EXPECT_FALSE(DecodeAdd(body.substr(0, size))) << size;
  }
  EXPECT_FALSE(DecodeAdd(body + "x"));
  EXPECT_FALSE(Decode("abc"));
}

TEST(LedgerTest, DenialsAreCountedApartAndReadByTheOtherSide) {
  const auto fd = Ledger::Make();
  ASSERT_TRUE(fd);
  const auto writer = Ledger::Map(fd->get());
  const auto reader = Ledger::Map(fd->get());
  ASSERT_TRUE(writer && reader);
  (*writer)->Deny("evil.test", 0, DenyReason::kNameNotAllowed);
  const model::NetworkUsage before = (*reader)->Read();
  (*writer)->Deny("evil.test", 0, DenyReason::kNameNotAllowed);
  (*writer)->Deny("evil\n\x1b[31m.test", 443, DenyReason::kSniMismatch);
  (*writer)->CountConnection();
  (*writer)->CountSent(10);
  const model::NetworkUsage usage = Between(before, (*reader)->Read());
  EXPECT_EQ(usage.connections, 1U);
  EXPECT_EQ(usage.sent, 10_B);
  ASSERT_EQ(usage.denied.size(), 2U);
  EXPECT_EQ(usage.denied[0].count, 1U);
  EXPECT_EQ(usage.denied[1].name, "evil??[31m.test");
}

TEST(LedgerTest, AFloodOfNamesIsCountedAndKeepsItsSize) {
  const auto fd = Ledger::Make();
  const auto ledger = Ledger::Map(fd->get());
  ASSERT_TRUE(ledger);
  for (int i = 0; i < 1000; ++i) {
    (*ledger)->Deny("n" + std::to_string(i), 0, DenyReason::kNameNotAllowed);
  }
  const model::NetworkUsage usage = (*ledger)->Read();
  EXPECT_EQ(usage.denied.size(), 64U);
  EXPECT_EQ(usage.denied_dropped, 936U);
}

TEST(LedgerTest, AnotherDescriptorIsRefused) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  EXPECT_FALSE(Ledger::Map(ends[0]));
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace fabro::egress::wire
