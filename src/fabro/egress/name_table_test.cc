#include "fabro/egress/name_table.h"

#include <gtest/gtest.h>

#include "fabro/egress/resolver.h"

namespace fabro::egress {
namespace {

TEST(NameTableTest, AnAddressStandsForItsNameForGood) {
  NameTable table{model::EgressPolicy()};
  const auto a = table.Give("a.test");
  const auto b = table.Give("b.test");
  ASSERT_TRUE(a && b);
  EXPECT_NE(a->v4, b->v4);
  EXPECT_EQ(table.Give("a.test")->v4, a->v4);
  EXPECT_EQ(table.NameOf(a->v4), "a.test");
  EXPECT_EQ(table.NameOf(b->v6), "b.test");
  EXPECT_TRUE(table.IsSynthetic(a->v6));
}

TEST(NameTableTest, AddressesThatWereNotGivenStandForNothing) {
  NameTable table{model::EgressPolicy()};
  table.Give("a.test");
  for (const char* text : {"198.18.0.1", "198.18.1.1", "198.19.255.255", "fd66:6b::1:0:0:100",
                           "8.8.8.8", "fd66:6b::ffff"}) {
    EXPECT_EQ(table.NameOf(*model::ParseIpAddress(text)), "") << text;
  }
}

// N7, N17: a program that makes up names under a wildcard.
TEST(NameTableTest, ItIsFullAtItsLimit) {
  NameTable table{model::EgressPolicy()};
  for (std::uint32_t i = 0; i < model::kMaxSyntheticNames; ++i) {
    ASSERT_TRUE(table.Give("n" + std::to_string(i) + ".test"));
  }
  EXPECT_FALSE(table.Give("one-more.test"));
  EXPECT_TRUE(table.Give("n7.test"));
}

TEST(ResolvConfTest, NameServersAreReadAsTheCLibraryDoes) {
  const auto servers = NameServers(
      "# nameserver 9.9.9.9\nsearch a.test\nnameserver 10.0.0.1\nnameserver\t::1 \r\n"
      "nameserver8.8.8.8\nnameserver bad\nnameserver 1.1.1.1\nnameserver 2.2.2.2");
  ASSERT_EQ(servers.size(), 3U);
  EXPECT_EQ(model::ToString(servers[0]), "10.0.0.1");
  EXPECT_EQ(model::ToString(servers[1]), "::1");
  EXPECT_EQ(model::ToString(servers[2]), "1.1.1.1");
  EXPECT_EQ(model::ToString(NameServers("")[0]), "127.0.0.1");
}

}  // namespace
}  // namespace fabro::egress
