#include "fabro/workflow/condition/condition.h"

#include <gtest/gtest.h>

#include <map>

namespace fabro::workflow {
namespace {

using Context = std::map<std::string, std::string, std::less<>>;

bool Holds(std::string_view text, const Context& context) {
  const auto condition = ParseCondition(text);
  EXPECT_TRUE(condition.has_value()) << text << ": " << condition.error().message;
  return condition && Evaluate(*condition, [&context](std::string_view key) {
           const auto it = context.find(key);
           return it == context.end() ? std::nullopt
                                      : std::optional<Operand>(Operand{it->second, {}});
         });
}

TEST(ConditionTest, TheEmptyConditionAlwaysHolds) {
  EXPECT_TRUE(Holds("", {}));
  EXPECT_TRUE(Holds(" \n ", {}));
}

TEST(ConditionTest, EqualityIsExactAndCaseSensitive) {
  const Context context{{"outcome", "succeeded"}};
  EXPECT_TRUE(Holds("outcome=succeeded", context));
  EXPECT_TRUE(Holds("outcome == succeeded", context));
  EXPECT_FALSE(Holds("outcome=Succeeded", context));
  EXPECT_TRUE(Holds("outcome != failed", context));
  EXPECT_TRUE(Holds("missing=\"\"", context));
}

TEST(ConditionTest, AndBindsTighterThanOrAndNotTakesOneClause) {
  const Context context{{"a", "1"}, {"n", "2"}};
  EXPECT_TRUE(Holds("a || b && c", context));
  EXPECT_FALSE(Holds("b && a || c", context));
  EXPECT_TRUE(Holds("!n=7", context));
  EXPECT_TRUE(Holds("!!a && !b", context));
  EXPECT_FALSE(Holds("!a || b", context));
}

TEST(ConditionTest, ContextPrefixFallsBackToTheBareKey) {
  EXPECT_TRUE(Holds("context.n >= 2", {{"n", "3"}}));
  EXPECT_TRUE(Holds("context.n = own", {{"n", "3"}, {"context.n", "own"}}));
}

TEST(ConditionTest, NumbersCompareAsNumbersAndElseFalse) {
  EXPECT_TRUE(Holds("n > 9", {{"n", "10"}}));
  EXPECT_TRUE(Holds("n <= 1e3", {{"n", "10\n"}}));
  EXPECT_FALSE(Holds("n < 5", {{"n", "few"}}));
  EXPECT_FALSE(Holds("n >= 5", {{"n", "few"}}));
  EXPECT_FALSE(Holds("n < 5", {}));
  EXPECT_TRUE(Holds("!n < 5", {}));
}

TEST(ConditionTest, BareLiteralsRunToTheNextConnective) {
  EXPECT_TRUE(Holds("s contains two words && n=1", {{"s", "has two words."}, {"n", "1"}}));
  EXPECT_TRUE(Holds("v matches ^v\\d+|x$", {{"v", "v12"}}));
  EXPECT_TRUE(Holds("s=\"a && b \"", {{"s", "a && b "}}));
  EXPECT_TRUE(Holds("s = \"q\\\"\\\\\\n\\d\"", {{"s", "q\"\\\n\\d"}}));
}

TEST(ConditionTest, TruthinessKnowsFalseZeroAndEmpty) {
  for (const char* no : {"", "false", "0"}) EXPECT_FALSE(Holds("k", {{"k", no}})) << no;
  for (const char* yes : {"true", "False", "00", "x"}) EXPECT_TRUE(Holds("k", {{"k", yes}})) << yes;
}

TEST(ConditionTest, ContainsLooksAtElementsOfArrays) {
  const auto condition = ParseCondition("tags contains b");
  ASSERT_TRUE(condition.has_value());
  const auto with = [](std::vector<std::string> items) {
    return [items](std::string_view) { return Operand{"[\"abc\"]", items}; };
  };
  EXPECT_TRUE(Evaluate(*condition, with({"a", "b"})));
  EXPECT_FALSE(Evaluate(*condition, with({"abc"})));
}

TEST(ConditionTest, OperatorWordsNeedASpace) {
  EXPECT_FALSE(ParseCondition("a containsx").has_value());
  EXPECT_TRUE(Holds("a matches\"b\"", {{"a", "abc"}}));
}

struct Bad {
  std::string_view text;
  std::string_view message;
  std::size_t column;
};

TEST(ConditionTest, RefusesWithColumnAndReason) {
  const std::vector<Bad> table = {
      {"outcome = && x", "value to compare 'outcome'", 11},
      {"outcome=", "value to compare", 9},
      {"a &&", "a key is missing", 5},
      {"a || || b", "a key is expected", 6},
      {"(a || b)", "parentheses", 1},
      {"a && (b)", "parentheses", 6},
      {"a b", "'&&', '||' or the end", 3},
      {"a & b", "'&&', '||' or the end", 3},
      {"1a=2", "a key is expected", 1},
      {"=x", "a key is expected", 1},
      {"a=\"x", "not closed", 3},
      {"a=\"x\" y", "'&&', '||' or the end", 7},
      {"a matches (", "regular expression", 10},
      {"a matches (?=x)", "regular expression", 10},
      {"!", "a key is missing", 2},
  };
  for (const Bad& bad : table) {
    const auto condition = ParseCondition(bad.text);
    ASSERT_FALSE(condition.has_value()) << bad.text;
    EXPECT_NE(condition.error().message.find(bad.message), std::string::npos)
        << bad.text << ": " << condition.error().message;
    EXPECT_EQ(condition.error().column, bad.column) << bad.text;
  }
}

TEST(ConditionTest, RefusesWhatIsTooLong) {
  std::string many = "a";
  for (std::size_t i = 0; i < kMaxConditionClauses; ++i) many += "&&a";
  EXPECT_FALSE(ParseCondition(many).has_value());
  EXPECT_FALSE(ParseCondition(std::string(kMaxConditionSize + 1, 'a')).has_value());
  EXPECT_FALSE(ParseCondition("a matches " + std::string(kMaxPatternSize + 1, 'a')).has_value());
}

TEST(NumberTextTest, WholeNumbersHaveNoFraction) {
  EXPECT_EQ(NumberText(3.0), "3");
  EXPECT_EQ(NumberText(-0.5), "-0.5");
  EXPECT_EQ(NumberText(0.1), "0.1");
  EXPECT_EQ(NumberText(1e300), "1e+300");
}

}  // namespace
}  // namespace fabro::workflow
