#include "fabro/codec/model_json.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "fabro/codec/text.h"

namespace fabro::codec {
namespace {

TEST(ModelJson, LimitsThatAreNotSetAreNull) {
  model::Limits limits;
  limits.memory = 1_MiB;
  limits.pids = 7;
  EXPECT_EQ(ToJson(limits).Dump(),
            R"({"memory_bytes":1048576,"pids":7,"cpu_millis":null,"cpu_time_ns":null,)"
            R"("wall_time_ns":null,"open_files":null,"output_bytes":null,)"
            R"("cpu_set":null,"io_read_bytes_per_second":null,"io_write_bytes_per_second":null})");
}

TEST(ModelJson, ARequestShowsBothHalves) {
  model::RunRequest request;
  request.sandbox.binds = {{HostPath("/src"), GuestPath("/work/src"), true}};
  request.sandbox.network = model::NetworkMode::kNone;
  request.exec.argv = {"make", "-j2"};
  const std::string json = ToJson(request).Dump();
  EXPECT_NE(json.find(R"("binds":[{"source":"/src","target":"/work/src","writable":true}])"),
            std::string::npos);
  EXPECT_NE(json.find(R"("network":"none","egress":null,"launch":null)"), std::string::npos);
  EXPECT_NE(json.find(R"("argv":["make","-j2"])"), std::string::npos);
}

TEST(ModelJson, AnOutcomeNamesFateUsageAndViolations) {
  model::Outcome outcome;
  outcome.fate = model::Fate::kPolicyViolation;
  outcome.signal = 9;
  outcome.usage.wall_time = Nanos(1500);
  outcome.usage.memory_peak = 2_MiB;
  outcome.violations = {{"mount", "mount(\"a\")", 12, "sh", true}};
  const std::string json = ToJson(outcome).Dump();
  EXPECT_NE(json.find(R"("outcome":"policy_violation","exit_code":null,"signal":9)"),
            std::string::npos);
  EXPECT_NE(json.find(R"("wall_ns":1500)"), std::string::npos);
  EXPECT_NE(json.find(R"("peaks":{"memory_bytes":2097152,"pids":null})"), std::string::npos);
  EXPECT_NE(
      json.find(
          R"js({"syscall":"mount","call":"mount(\"a\")","pid":12,"guest_pid":0,"comm":"sh","killed":true,"errno":null})js"),
      std::string::npos);
}

TEST(ModelJson, AnErrorCarriesReasonFixAndErrno) {
  Error error = SysFailureOf(ENOENT, "open", "/x");
  error.reason = "bind_refused";
  error.fix = "name a directory that exists";
  const std::string json = ToJson(error).Dump();
  EXPECT_NE(json.find(R"("reason":"bind_refused")"), std::string::npos);
  EXPECT_NE(json.find(R"("fix":"name a directory that exists","errno":"ENOENT")"),
            std::string::npos);
}

TEST(ModelJson, OutputThatIsNoUtf8GoesAsBase64) {
  RunReport report;
  report.out.bytes = "gr\xC3\xBC\xC3\x9F";
  report.err.bytes = std::string("\xFF\x00\x01", 3);
  report.err.complete = false;
  const std::string json = ToJson(report).Dump();
  EXPECT_NE(
      json.find("\"stdout\":{\"encoding\":\"utf-8\",\"data\":\"gr\xC3\xBC\xC3\x9F\",\"bytes\":6,"
                "\"complete\":true}"),
      std::string::npos);
  EXPECT_NE(json.find(R"("stderr":{"encoding":"base64","data":"/wAB","bytes":3,"complete":false})"),
            std::string::npos);
}

TEST(ModelJson, NamesThatAreNoUtf8AreShownReplaced) {
  model::ExecSpec spec;
  spec.argv = {"a\xFF"};
  EXPECT_NE(ToJson(spec).Dump().find("\"argv\":[\"a\xEF\xBF\xBD\"]"), std::string::npos);
}

TEST(ModelJson, IndentedTextHasTheSameValues) {
  const model::Json json =
      model::Json::MakeObject().Set("a", model::Json::Strings({"x", "y"})).Set("b", model::Json());
  EXPECT_EQ(Indented(json), "{\n  \"a\": [\n    \"x\",\n    \"y\"\n  ],\n  \"b\": null\n}");
  EXPECT_EQ(Indented(model::Json::MakeObject()), "{}");
}

TEST(Utf8, RefusesOverlongSurrogatesAndCutSequences) {
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsUtf8("plain \xE2\x82\xAC \xF0\x9F\x98\x80"));
  EXPECT_FALSE(IsUtf8("\xC0\xAF"));
  EXPECT_FALSE(IsUtf8("\xE0\x80\x80"));
  EXPECT_FALSE(IsUtf8("\xED\xA0\x80"));
  EXPECT_FALSE(IsUtf8("\xF4\x90\x80\x80"));
  EXPECT_FALSE(IsUtf8("\xE2\x82"));
  EXPECT_FALSE(IsUtf8("\x80"));
}

TEST(Base64, PadsAsRfc4648Shows) {
  EXPECT_EQ(Base64(""), "");
  EXPECT_EQ(Base64("f"), "Zg==");
  EXPECT_EQ(Base64("fo"), "Zm8=");
  EXPECT_EQ(Base64("foo"), "Zm9v");
  EXPECT_EQ(Base64("foobar"), "Zm9vYmFy");
}

}  // namespace
}  // namespace fabro::codec
