#include "fabro/base/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

namespace fabro {
namespace {

Result<int> Half(int n) {
  if (n % 2 != 0) return Failure(Code::kInvalidArgument, "odd number", "odd");
  return n / 2;
}

Result<int> Quarter(int n) {
  const int half = TRY(Half(n));
  const int quarter = TRY_IN("second halving", Half(half));
  return quarter;
}

Status Check(int n) {
  TRY(Half(n));
  return {};
}

TEST(ResultTest, TryYieldsTheValue) { EXPECT_EQ(Quarter(8).value(), 2); }

TEST(ResultTest, TryReturnsTheErrorOfTheCallee) {
  const Result<int> result = Quarter(6);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, Code::kInvalidArgument);
  EXPECT_EQ(result.error().reason, "odd");
  EXPECT_EQ(result.error().ToString(), "second halving: odd number");
}

Status CheckTwice(int n) {
  TRY(Check(n));
  TRY_IN("again", Check(n));
  return {};
}

TEST(ResultTest, TryPassesAStatusOn) {
  EXPECT_TRUE(CheckTwice(2).ok());
  EXPECT_FALSE(CheckTwice(3).ok());
}

TEST(ResultTest, StatusCarriesAnErrorOrNothing) {
  EXPECT_TRUE(Check(2).ok());
  EXPECT_FALSE(Check(3).ok());
}

TEST(ResultTest, SysFailureNamesCallObjectAndErrno) {
  errno = ENOENT;
  const Error error = SysFailure("open", "/nowhere");
  EXPECT_EQ(error.code, Code::kNotFound);
  EXPECT_EQ(error.sys_errno, ENOENT);
  EXPECT_EQ(error.message, "open /nowhere: No such file or directory (ENOENT)");
}

// The reason for the rule about TRY's places: this holds gcc's behaviour for a named variable.
TEST(ResultTest, AnEarlyReturnDestroysWhatWasNamedBefore) {
  auto witness = std::make_shared<int>(1);
  auto leave = [witness]() -> Result<int> {
    auto held = witness;
    const int half = TRY(Half(3));
    return half + *held;
  };
  EXPECT_FALSE(leave().ok());
  EXPECT_EQ(witness.use_count(), 2);  // The test's own and the lambda's.
}

}  // namespace
}  // namespace fabro
