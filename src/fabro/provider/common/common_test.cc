#include <gtest/gtest.h>

#include "fabro/provider/common/glob.h"
#include "fabro/provider/common/grep.h"
#include "fabro/provider/common/paths.h"

namespace fabro::provider {
namespace {

struct GlobCase {
  const char* pattern;
  const char* path;
  bool matches;
};

class GlobTest : public ::testing::TestWithParam<GlobCase> {};

TEST_P(GlobTest, MatchesAsTheRulesSay) {
  const GlobCase& row = GetParam();
  const auto pattern = GlobPattern::Parse(row.pattern);
  ASSERT_TRUE(pattern.ok()) << pattern.error().ToString();
  EXPECT_EQ(pattern->Matches(row.path), row.matches) << row.pattern << " on " << row.path;
}

INSTANTIATE_TEST_SUITE_P(
    Table, GlobTest,
    ::testing::Values(GlobCase{"*.c", "a.c", true}, GlobCase{"*.c", "src/a.c", false},
                      GlobCase{"*.c", ".c", true}, GlobCase{"*", ".hidden", true},
                      GlobCase{"**/*.c", "a.c", true}, GlobCase{"**/*.c", "x/y/a.c", true},
                      GlobCase{"src/**/*.c", "src/a.c", true},
                      GlobCase{"src/**/*.c", "src/x/y/a.c", true},
                      GlobCase{"src/**/*.c", "srcs/a.c", false}, GlobCase{"**", "x/y", true},
                      GlobCase{"a/**", "a", true}, GlobCase{"a/**/b/**/c", "a/b/b/x/c", true},
                      GlobCase{"a/**/b/**/c", "a/b/c/d", false}, GlobCase{"?.c", "ab.c", false},
                      GlobCase{"[a-c].c", "b.c", true}, GlobCase{"[!a-c].c", "b.c", false},
                      GlobCase{"[]].c", "].c", true}, GlobCase{"[a-].c", "-.c", true},
                      GlobCase{"*.C", "a.c", false}, GlobCase{"a*b*c", "aXbYbZc", true},
                      GlobCase{"*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false}));

TEST(GlobPatternTest, RefusesWhatHasNoMeaning) {
  for (const char* bad :
       {"", "/etc/*", "../x", "a/../b", "a//b", "a/", "a**", "[a", "a\\*", "./a"}) {
    EXPECT_EQ(GlobPattern::Parse(bad).error().reason, "pattern_invalid") << bad;
  }
}

TEST(GlobPatternTest, WalksOnlyWhereItCanMatch) {
  EXPECT_EQ(GlobPattern::Parse("src/lib/*.c")->FixedPrefix(), "src/lib");
  EXPECT_EQ(GlobPattern::Parse("src/lib/*.c")->Depth(), 1U);
  EXPECT_EQ(GlobPattern::Parse("src/**/x")->Depth(), 0U);
  EXPECT_EQ(GlobPattern::Parse("x")->FixedPrefix(), "");
}

TEST(PathsTest, RelativePathsStartAtTheWorkingDirectory) {
  EXPECT_EQ(ResolvePath("/w", "a/b").value(), "/w/a/b");
  EXPECT_EQ(ResolvePath("/w", "/a").value(), "/a");
  EXPECT_EQ(ResolvePath("/w", ".").value(), "/w");
  EXPECT_EQ(ResolvePath("/w", "").error().reason, "path_invalid");
  EXPECT_EQ(ResolvePath("/w", std::string_view("a\0b", 3)).error().reason, "path_invalid");
  EXPECT_EQ(NormalizePath("/a/./b//../../../c"), "/c");
}

TEST(GrepTest, ResultsAreSortedByFileAndNumberAndCapped) {
  using namespace std::string_view_literals;
  const auto out =
      "./b:x\0"
      "9:late\n./a\0"
      "10:ten: colon\n./a\0"
      "2:two\nBinary file x matches\n"sv;
  GrepOptions two;
  two.max_results = 2;

  const std::vector<std::string> all = ReadGrepOutput(0, out, "", {}).value();

  EXPECT_EQ(all, (std::vector<std::string>{"a:2:two", "a:10:ten: colon", "b:x:9:late"}));
  EXPECT_EQ(ReadGrepOutput(0, out, "", two)->size(), 2U);
  EXPECT_TRUE(ReadGrepOutput(1, "", "", {})->empty());
  EXPECT_EQ(ReadGrepOutput(2, "", "grep: Unmatched (\n", {}).error().reason, "grep_failed");
}

}  // namespace
}  // namespace fabro::provider
