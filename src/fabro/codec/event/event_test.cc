#include "fabro/codec/event/event.h"

#include <gtest/gtest.h>

namespace fabro::codec {
namespace {

TEST(EventCodecTest, AnEnvelopeComesBackAsItWas) {
  model::Event event{.seq = 7,
                     .id = "i",
                     .ts = "2026-03-07T12:34:56.789Z",
                     .run_id = RunId("R"),
                     .name = "stage.started",
                     .node_id = "build",
                     .node_label = "Build",
                     .stage_id = "build@2"};
  event.properties.Set("index", 3).Set("handler_type", "command");
  const auto decoded = DecodeEvent(EncodeEvent(event));
  ASSERT_TRUE(decoded.ok()) << decoded.error().ToString();
  EXPECT_EQ(*decoded, event);
}

TEST(EventCodecTest, AbsentOptionalsAreLeftOut) {
  const model::Event event{
      .seq = 1, .id = "i", .ts = "t", .run_id = RunId("R"), .name = "run.started"};
  EXPECT_EQ(EncodeEvent(event),
            R"({"id":"i","seq":1,"ts":"t","run_id":"R","event":"run.started","properties":{}})");
}

TEST(EventCodecTest, AnEnvelopeWithoutItsNameIsRefused) {
  EXPECT_EQ(DecodeEvent(R"({"id":"i","ts":"t","run_id":"R"})").error().reason, "event_invalid");
  EXPECT_EQ(DecodeEvent("[").error().reason, "json_syntax");
}

}  // namespace
}  // namespace fabro::codec
