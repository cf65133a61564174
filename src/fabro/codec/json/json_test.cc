#include "fabro/codec/json/json.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace fabro::codec {
namespace {

using model::Json;

TEST(JsonTest, WhatIsDumpedParsesToTheSameValue) {
  Json value;
  value.Set("text", "a \"quoted\" \\ line\n\t\x01 \xC3\xA9")
      .Set("count", std::int64_t{-7})
      .Set("ratio", 0.1)
      .Set("yes", true)
      .Set("nothing", Json())
      .Set("list", Json(Json::Array{1, "two", Json::MakeObject()}));
  const auto parsed = ParseJson(value.Dump());
  ASSERT_TRUE(parsed.ok()) << parsed.error().ToString();
  EXPECT_EQ(*parsed, value);
}

TEST(JsonTest, BytesThatAreNoUtf8BecomeReplacementCharacters) {
  EXPECT_EQ(Json("a\xFF\xC3").Dump(), "\"a\xEF\xBF\xBD\xEF\xBF\xBD\"");
  EXPECT_EQ(Json("\xED\xA0\x80").Dump(),
            "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");  // A surrogate.
  EXPECT_TRUE(ParseJson(Json(std::string("\x00\xF4\x90\x80\x80", 5)).Dump()).ok());
}

TEST(JsonTest, TextFormIsThatOfConditions) {
  EXPECT_EQ(Json(true).ToText(), "true");
  EXPECT_EQ(Json(3.0).ToText(), "3");
  EXPECT_EQ(Json(0.25).ToText(), "0.25");
  EXPECT_EQ(Json().ToText(), "");
  EXPECT_EQ(Json(Json::Array{1, "x"}).ToText(), "[1,\"x\"]");
  EXPECT_EQ(Json(std::numeric_limits<double>::quiet_NaN()).Dump(), "null");
}

TEST(JsonTest, BrokenTextIsRefusedWithItsPlace) {
  for (const char* text : {"", "{", "[1,]", "{} x", "nul", "\"\xFF\"", "{\"a\":1,}"}) {
    const auto parsed = ParseJson(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().reason, "json_syntax") << text;
  }
}

TEST(JsonTest, DepthIsLimited) {
  const std::string deep = std::string(256, '[') + std::string(256, ']');
  EXPECT_TRUE(ParseJson(deep).ok());
  EXPECT_EQ(ParseJson("[" + deep + "]").error().reason, "json_too_deep");
}

TEST(JsonTest, NumbersBeyond64BitsBecomeDoubles) {
  EXPECT_NE(ParseJson("9223372036854775807")->Int(), nullptr);
  EXPECT_NE(ParseJson("9223372036854775808")->Double(), nullptr);
}

}  // namespace
}  // namespace fabro::codec
