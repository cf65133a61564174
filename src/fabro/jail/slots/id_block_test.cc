#include "fabro/jail/slots/id_block.h"

#include <gtest/gtest.h>

namespace fabro::jail {
namespace {

IdFacts Host() {
  IdFacts facts;
  facts.users = {0, 1, 33, 1000, 65534};
  facts.groups = {0, 4, 1000, 65534};
  facts.mapped_users = {{0, 4294967295U}};
  facts.mapped_groups = {{0, 4294967295U}};
  return facts;
}

TEST(IdBlockTest, TheFirstFreeBlockIsTaken) {
  EXPECT_EQ(ChooseBlock(Host()).value(), (IdRange{65536, 65536}));
}

TEST(IdBlockTest, RangesOfUsersAreLeftAlone) {
  IdFacts facts = Host();
  facts.subuid = ParseSubordinate("alice:100000:65536\nbob:165536:65536\n");  // Debian's first two.
  EXPECT_EQ(ChooseBlock(facts).value().first, 262144U);
  facts.subuid.clear();
  facts.subgid = ParseSubordinate("alice:100000:65536\n");
  EXPECT_EQ(ChooseBlock(facts).value().first, 196608U) << "subgid counts as subuid does";
}

TEST(IdBlockTest, UsersAndGroupsAreLeftAlone) {
  IdFacts facts = Host();
  facts.users.push_back(70000);
  facts.groups.push_back(131072);
  EXPECT_EQ(ChooseBlock(facts).value().first, 196608U);
}

TEST(IdBlockTest, TheContainerRangeOfSystemdIsSkipped) {
  IdFacts facts = Host();
  facts.subuid = {{"x", {65536, 524288 - 65536}}};
  EXPECT_EQ(ChooseBlock(facts).value().first, 1879048192U);
}

TEST(IdBlockTest, TheLineOfFaberIsUsed) {
  IdFacts facts = Host();
  facts.subuid = facts.subgid = ParseSubordinate("faber:600000:1000\n");
  EXPECT_EQ(ChooseBlock(facts).value(), (IdRange{600000, 1000}));
  facts.subgid.clear();
  EXPECT_EQ(ChooseBlock(facts).error().reason, "identity_base_collides");
}

TEST(IdBlockTest, AConfiguredBaseThatCollidesIsAnErrorThatNamesWith) {
  IdFacts facts = Host();
  facts.subuid = ParseSubordinate("alice:100000:65536\n");
  EXPECT_NE(ChooseBlock(facts, 70000).error().message.find("alice"), std::string::npos);
  EXPECT_NE(ChooseBlock(facts, 600000).error().message.find("systemd"), std::string::npos);
  EXPECT_NE(ChooseBlock(facts, 0, 2).error().message.find("ends"), std::string::npos);
  EXPECT_EQ(ChooseBlock(facts, 262144).value().first, 262144U);
}

TEST(IdBlockTest, AUserNamespaceWithFewIdsHasNoBlock) {
  IdFacts facts = Host();
  facts.mapped_users = ParseIdMap("         0     100000      65536\n");
  EXPECT_EQ(facts.mapped_users, (std::vector<IdRange>{{0, 65536}}));
  EXPECT_EQ(ChooseBlock(facts).error().reason, "no_free_ids");
}

TEST(IdBlockTest, LinesThatAreNoRangesAreLeftOut) {
  EXPECT_TRUE(
      ParseSubordinate("# c\n:1:2\na\na:1\na:b:c\na:1:2:3\na:-1:2\na:1:99999999999\n").empty());
  EXPECT_EQ(ParseSubordinate("1000:1:2").size(), 1U);
}

TEST(IdBlockTest, ThisHostsFactsCanBeRead) {
  const IdFacts facts = ReadIdFacts().value();
  EXPECT_FALSE(facts.users.empty());
  EXPECT_FALSE(facts.mapped_users.empty());
}

}  // namespace
}  // namespace fabro::jail
