#include "fabro/http/sse.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace fabro::http {
namespace {

std::vector<std::string> Parse(const std::vector<std::string>& pieces) {
  SseParser parser;
  std::vector<std::string> seen;
  for (const std::string& piece : pieces) {
    EXPECT_TRUE(parser.Feed(piece, [&](const SseEvent& event) -> Status {
      seen.push_back(event.event + "|" + event.data + "|" + event.id);
      return {};
    }));
  }
  return seen;
}

using Seen = std::vector<std::string>;

TEST(SseTest, AnEventEndsWithABlankLineWhateverTheLineEnds) {
  EXPECT_EQ(Parse({"event: a\ndata: 1\n\n"}), (Seen{"a|1|"}));
  EXPECT_EQ(Parse({"event: a\r\ndata: 1\r\n\r\n"}), (Seen{"a|1|"}));
  EXPECT_EQ(Parse({"event: a\rdata: 1\r\r"}), (Seen{"a|1|"}));
}

TEST(SseTest, SeveralDataLinesAreJoinedAndOneBlankAfterTheColonIsDropped) {
  EXPECT_EQ(Parse({"data:x\ndata:  y\ndata\n\n"}), (Seen{"|x\n y\n|"}));
}

TEST(SseTest, BytesMaySplitAnywhere) {
  const std::string whole =
      "\xEF\xBB\xBF: hello\r\nid: 7\r\ndata: gr\xC3\xBC\xC3\x9F\r\n\r\ndata: 2\r\n\r\n";
  std::vector<std::string> bytes;
  for (const char c : whole) bytes.emplace_back(1, c);

  EXPECT_EQ(Parse(bytes), Parse({whole}));
  EXPECT_EQ(Parse(bytes), (Seen{"|gr\xC3\xBC\xC3\x9F|7", "|2|7"}));
}

TEST(SseTest, CommentsAndEventsWithoutDataGiveNothing) {
  EXPECT_EQ(Parse({": ping\n\nevent: x\n\ndata: 1\n"}), Seen{});
}

TEST(SseTest, AMarkThatIsNoneIsText) {
  EXPECT_EQ(Parse({"\xEF\xBBx: 1\ndata: 1\n\n"}), (Seen{"|1|"}));
}

TEST(SseTest, RetryIsTakenOnlyFromDigits) {
  SseParser parser;
  const auto ignore = [](const SseEvent&) -> Status { return {}; };
  ASSERT_TRUE(parser.Feed("retry: 12x\n", ignore));
  EXPECT_FALSE(parser.retry().has_value());
  ASSERT_TRUE(parser.Feed("retry: 1500\n", ignore));
  EXPECT_EQ(parser.retry(), std::chrono::milliseconds(1500));
}

TEST(SseTest, AnEventThatNeverEndsIsRefused) {
  SseParser parser(100);
  const auto ignore = [](const SseEvent&) -> Status { return {}; };
  Status fed;
  for (int i = 0; i < 20 && fed.ok(); ++i) fed = parser.Feed("data: 0123456789\n", ignore);

  ASSERT_FALSE(fed.ok());
  EXPECT_EQ(fed.error().reason, "sse_event_too_large");
}

TEST(SseTest, AnErrorOfTheReaderEndsIt) {
  SseParser parser;
  const Status fed = parser.Feed("data: 1\n\ndata: 2\n\n", [](const SseEvent&) -> Status {
    return Failure(Code::kCancelled, "enough", "enough");
  });

  EXPECT_EQ(fed.error().reason, "enough");
}

}  // namespace
}  // namespace fabro::http
