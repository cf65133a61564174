#include "fabro/config/engine/yaml.h"

#include <gtest/gtest.h>

namespace fabro::config::engine {
namespace {

std::string ErrorOf(std::string_view text) {
  const auto node = ParseYaml("f.yaml", text);
  return node.ok() ? "" : node.error().message;
}

TEST(YamlTest, NodesKnowTheirPlaces) {
  const auto root = ParseYaml("f.yaml", "a:\n  b: [x, 'y']\n");

  ASSERT_TRUE(root.ok()) << root.error().ToString();
  const YamlNode* list = root->Find("a")->Find("b");
  ASSERT_NE(list, nullptr);
  ASSERT_EQ(list->items.size(), 2U);
  EXPECT_EQ(list->items[1].text, "y");
  EXPECT_TRUE(list->items[1].quoted);
  EXPECT_EQ(list->items[1].line, 2U);
  EXPECT_EQ(list->items[1].column, 10U);
}

TEST(YamlTest, AnEmptyTextIsNull) {
  EXPECT_EQ(ParseYaml("f", "")->kind, YamlNode::Kind::kNull);
  EXPECT_EQ(ParseYaml("f", "# only a comment\n")->kind, YamlNode::Kind::kNull);
}

TEST(YamlTest, WhatIsNotReadIsRefusedWithItsPlace) {
  EXPECT_EQ(ErrorOf("a: 1\na: 2\n"), "f.yaml:2:1: a: the key is here twice");
  EXPECT_EQ(ErrorOf("a: !!python/object x"), "f.yaml:1:4: tags are not read");
  EXPECT_EQ(ErrorOf("a: 1\n---\nb: 2\n"), "f.yaml:2:1: there is a second document");
  EXPECT_EQ(ErrorOf("? [a]\n: b"), "f.yaml:1:3: a key is a word");
  EXPECT_TRUE(ErrorOf("a: [1, 2\nb: 3").starts_with("f.yaml:"));
  EXPECT_TRUE(ErrorOf("a: *b").starts_with("f.yaml:1:4:"));
  EXPECT_TRUE(ErrorOf("a: \"\\0\"").starts_with("f.yaml:1:4:"));
  EXPECT_TRUE(ErrorOf("a: \xff\xfe").starts_with("f.yaml:"));
}

TEST(YamlTest, AliasesRepeatWhatTheyName) {
  const auto root = ParseYaml("f", "a: &x [1, 2]\nb: *x\n");

  ASSERT_TRUE(root.ok());
  EXPECT_EQ(root->Find("b")->items.size(), 2U);
}

TEST(YamlTest, AliasesCannotExplode) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int k = 0; k < 9; ++k) text += ", " + before;
    text += "]\n";
  }

  EXPECT_NE(ErrorOf(text).find("more than 20000 values"), std::string::npos) << ErrorOf(text);
}

TEST(YamlTest, DepthAndSizeAreBounded) {
  EXPECT_NE(ErrorOf(std::string(100, '[')).find("nested too deeply"), std::string::npos);
  EXPECT_NE(ErrorOf(std::string(100'000, '[')).find("nested too deeply"), std::string::npos);
  EXPECT_NE(ErrorOf(std::string(kMostYamlText + 1, ' ')).find("1 MiB"), std::string::npos);
}

}  // namespace
}  // namespace fabro::config::engine
