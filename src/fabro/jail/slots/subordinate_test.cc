#include "fabro/jail/slots/subordinate.h"

#include <gtest/gtest.h>

namespace fabro::jail {
namespace {

Result<std::optional<IdRange>> Of(const char* subuid, const char* subgid) {
  return SubordinateIds(ParseSubordinate(subuid), ParseSubordinate(subgid), "alice", 1000);
}

TEST(SubordinateTest, TheLineOfTheUserOrOfItsUidCounts) {
  constexpr char kNamed[] = "bob:165536:65536\nalice:100000:65536\n";
  EXPECT_EQ(Of(kNamed, kNamed).value(), (IdRange{100000, 65536}));
  EXPECT_EQ(Of("1000:100000:10\n", kNamed).value(), (IdRange{100000, 10}));
}

TEST(SubordinateTest, WithoutALineInBothFilesThereAreNone) {
  EXPECT_EQ(Of("", "").value(), std::nullopt);
  EXPECT_EQ(Of("alice:100000:65536\n", "bob:100000:65536\n").value(), std::nullopt);
}

TEST(SubordinateTest, OnlyWhatBothFilesGiveCanBeLeased) {
  EXPECT_EQ(Of("alice:100000:20\n", "alice:100010:20\n").value(), (IdRange{100010, 10}));
  const auto apart = Of("alice:100000:10\n", "alice:200000:10\n");
  ASSERT_FALSE(apart.ok());
  EXPECT_EQ(apart.error().reason, "identity_base_collides");
  EXPECT_FALSE(Of("alice:100000:1\n", "alice:100000:1\n").ok());
}

TEST(SubordinateTest, ARangeThatAnotherUserHasTooIsRefusedByName) {
  constexpr char kShared[] = "alice:100000:65536\nmallory:165000:10\n";
  const auto taken = Of(kShared, "alice:100000:65536\n");
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.error().reason, "identity_base_collides");
  EXPECT_NE(taken.error().message.find("mallory"), std::string::npos);
  EXPECT_FALSE(taken.error().fix.empty());
  EXPECT_FALSE(Of("alice:100000:65536\n", kShared).ok());
}

}  // namespace
}  // namespace fabro::jail
