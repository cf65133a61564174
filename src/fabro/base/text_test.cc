// The text forms of sizes, durations, ids and times.
#include <gtest/gtest.h>

#include "fabro/base/byte_size.h"
#include "fabro/base/clock.h"
#include "fabro/base/duration.h"
#include "fabro/base/id.h"

namespace fabro {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace)

TEST(ByteSizeTest, ParsesTheUnitsThatPeopleWrite) {
  EXPECT_EQ(ParseByteSize("512MiB").value(), 512_MiB);
  EXPECT_EQ(ParseByteSize("4GB").value().bytes(), 4'000'000'000U);
  EXPECT_EQ(ParseByteSize("64k").value(), 64_KiB);
  EXPECT_EQ(ParseByteSize("100").value(), 100_B);
  EXPECT_EQ(ParseByteSize("1 gib").value(), 1_GiB);
}

TEST(ByteSizeTest, RefusesWhatIsNoSizeAndSaysWhy) {
  EXPECT_EQ(ParseByteSize("").error().reason, "bad_size");
  EXPECT_NE(ParseByteSize("-1").error().message.find("negative"), std::string::npos);
  EXPECT_NE(ParseByteSize("abc").error().message.find("number"), std::string::npos);
  EXPECT_NE(ParseByteSize("1EB").error().message.find("unknown unit 'EB'"), std::string::npos);
  EXPECT_NE(ParseByteSize("99999999999999999999").error().message.find("2^64"), std::string::npos);
  EXPECT_NE(ParseByteSize("18446744073709551615KiB").error().message.find("2^64"),
            std::string::npos);
  EXPECT_FALSE(ParseByteSize("1.5MiB").ok());
}

TEST(ByteSizeTest, PrintsTheLargestUnitThatDivides) {
  EXPECT_EQ(ToString(512_MiB), "512MiB");
  EXPECT_EQ(ToString(ByteSize(4'000'000'000)), "4GB");
  EXPECT_EQ(ToString(ByteSize(1023)), "1023B");
  EXPECT_EQ(HumanBytes(ByteSize(1536)), "1.5 KiB");
  EXPECT_EQ(HumanBytes(512_MiB), "512 MiB");
}

TEST(DurationTest, ParsesAndPrints) {
  EXPECT_EQ(ParseDuration("500ms").value(), 500ms);
  EXPECT_EQ(ParseDuration("2h").value(), 2h);
  EXPECT_EQ(ParseDuration("300", true).value(), 300s);
  EXPECT_FALSE(ParseDuration("300").ok());
  EXPECT_FALSE(ParseDuration("-1s").ok());
  EXPECT_FALSE(ParseDuration("9999999999999d").ok());
  EXPECT_EQ(ToString(Nanos(90s)), "90s");
  EXPECT_EQ(ToString(Nanos(120s)), "2m");
  EXPECT_EQ(HumanDuration(125s), "2m05s");
}

TEST(IdTest, UlidCarriesItsTimeAndSorts) {
  const std::string random("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09", 10);
  const std::string early = MakeUlid(1469918176385ms, random);
  EXPECT_EQ(early.substr(0, 10), "01ARYZ6S41");
  EXPECT_TRUE(IsUlid(early));
  EXPECT_LT(early, MakeUlid(1469918176386ms, random));
  EXPECT_FALSE(IsUlid("01ARYZ6S41"));
  EXPECT_FALSE(IsUlid("81ARYZ6S410000000000000000"));
}

TEST(IdTest, UuidHasVersionAndVariant) {
  const std::string id = MakeUuidV7(1469918176385ms, std::string(10, '\xff'));
  EXPECT_EQ(id, "01563df3-6481-7fff-bfff-ffffffffffff");
  EXPECT_NE(RandomBytes(10), RandomBytes(10));
}

TEST(ClockTest, StampsAreRfc3339) {
  EXPECT_EQ(Rfc3339(std::chrono::system_clock::time_point(1772886896789ms)),
            "2026-03-07T12:34:56.789Z");
}

}  // namespace
}  // namespace fabro
