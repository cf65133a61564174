#include "fabro/workflow/graph/attributes.h"

#include <gtest/gtest.h>

namespace fabro::workflow {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

Attribute Of(std::string text, ValueType type) { return {"k", std::move(text), type, {3, 7}}; }

TEST(AttributesTest, BooleansMayBeStringsOfAnyCase) {
  EXPECT_TRUE(AsBool(Of("true", ValueType::kBoolean)).value());
  EXPECT_TRUE(AsBool(Of("TRUE", ValueType::kString)).value());
  EXPECT_FALSE(AsBool(Of("False", ValueType::kString)).value());
  EXPECT_FALSE(AsBool(Of("TRUE", ValueType::kBareword)).ok());
  EXPECT_FALSE(AsBool(Of("1", ValueType::kInteger)).ok());
  EXPECT_FALSE(AsBool(Of("yes", ValueType::kString)).ok());
}

TEST(AttributesTest, IntegersMayBeStringsAndDoNotOverflow) {
  EXPECT_EQ(AsInt(Of("20", ValueType::kString)).value(), 20);
  EXPECT_EQ(AsInt(Of("-3", ValueType::kInteger)).value(), -3);
  EXPECT_FALSE(AsInt(Of("99999999999999999999", ValueType::kInteger)).ok());
  EXPECT_FALSE(AsInt(Of("1.5", ValueType::kFloat)).ok());
  EXPECT_FALSE(AsInt(Of("", ValueType::kString)).ok());
  EXPECT_FALSE(AsInt(Of("4x", ValueType::kString)).ok());
}

TEST(AttributesTest, ABareNumberIsSeconds) {
  EXPECT_EQ(AsDuration(Of("300", ValueType::kString)).value(), minutes(5));
  EXPECT_EQ(AsDuration(Of("2", ValueType::kInteger)).value(), seconds(2));
  EXPECT_EQ(AsDuration(Of("5m", ValueType::kDuration)).value(), minutes(5));
  EXPECT_FALSE(AsDuration(Of("-5s", ValueType::kDuration)).ok());
  EXPECT_FALSE(AsDuration(Of("soon", ValueType::kBareword)).ok());
}

TEST(AttributesTest, ErrorsNameKeyTextAndPlace) {
  const auto value = AsInt(Of("many", ValueType::kBareword));
  ASSERT_FALSE(value.ok());
  EXPECT_EQ(value.error().reason, "attr_type");
  EXPECT_NE(value.error().ToString().find(
                "line 3, column 7: attribute 'k' wants a whole number, not 'many'"),
            std::string::npos)
      << value.error().ToString();
}

TEST(AttributesTest, AnAbsentAttributeIsEmpty) {
  EXPECT_EQ(GetInt(Attributes{}, "k").value(), std::nullopt);
  Attributes attributes;
  attributes.Set(Of("x", ValueType::kString));
  EXPECT_FALSE(GetBool(attributes, "k").ok());
  EXPECT_FALSE(GetDuration(attributes, "k").ok());
}

}  // namespace
}  // namespace fabro::workflow
