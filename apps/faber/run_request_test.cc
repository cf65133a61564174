#include "apps/faber/run_request.h"

#include <gtest/gtest.h>

#include <vector>

namespace fabro::faber {
namespace {

using Words = std::vector<std::string>;

const Caller kCaller{.cwd = "/home/me/project", .tty = false, .term = "xterm"};

Result<RunArguments> Parse(Words words, const Caller& caller = kCaller) {
  const CommandInfo& run = *FindCommand("run");
  const Invocation invocation = TRY(ParseInvocation(run, words));
  return ReadRunArguments(invocation, DefaultRequest(), caller);
}

// Options before "-- true".
Result<RunArguments> ParseOptions(Words words) {
  words.insert(words.end(), {"--", "true"});
  return Parse(std::move(words));
}

std::string ErrorOf(Words words) {
  const auto parsed = ParseOptions(std::move(words));
  return parsed.ok() ? "" : parsed.error().ToString();
}

TEST(RunRequest, NoOptionsGiveTheDefaultsOfTheSpecification) {
  const auto parsed = Parse({"--", "echo", "--memory", "x"});
  ASSERT_TRUE(parsed.ok()) << parsed.error().ToString();
  const model::RunRequest& request = parsed->request;
  EXPECT_EQ(request.exec.argv, (Words{"echo", "--memory", "x"}));
  EXPECT_EQ(request.exec.limits, model::DefaultLimits());
  EXPECT_EQ(request.sandbox.level, model::Level::kMedium);
  EXPECT_EQ(request.sandbox.network, std::nullopt);
  EXPECT_FALSE(request.exec.tty);
}

TEST(RunRequest, EachLimitReachesItsField) {
  const auto parsed =
      ParseOptions({"--memory", "64MiB",       "--pids=7", "--cpus",    "1.5", "--cpu-time",
                    "2s",       "--wall-time", "3m",       "--fds",     "32",  "--output",
                    "4k",       "--tmpfs",     "8MiB",     "--cpu-set", "0-2", "--io-read",
                    "1MiB",     "--io-write",  "2MiB",     "--inodes",  "20"});
  ASSERT_TRUE(parsed.ok()) << parsed.error().ToString();
  const model::Limits& limits = parsed->request.exec.limits;
  EXPECT_EQ(limits.memory, 64_MiB);
  EXPECT_EQ(limits.pids, 7U);
  EXPECT_EQ(limits.cpu_millis, 1500U);
  EXPECT_EQ(limits.cpu_time, Nanos(std::chrono::seconds(2)));
  EXPECT_EQ(limits.wall_time, Nanos(std::chrono::minutes(3)));
  EXPECT_EQ(limits.open_files, 32U);
  EXPECT_EQ(limits.output, 4_KiB);
  EXPECT_EQ(parsed->request.sandbox.workspace.size, 8_MiB);
  EXPECT_EQ(parsed->request.sandbox.workspace.inodes, 20U);
  const model::Limits& whole = parsed->request.sandbox.limits;
  EXPECT_EQ(whole.cpu_set, "0-2");
  EXPECT_EQ(whole.io_read_rate, 1_MiB);
  EXPECT_EQ(whole.io_write_rate, 2_MiB);
}

TEST(RunRequest, TheWorkspaceIsAtMostHalfOfTheMemory) {
  const auto small = ParseOptions({"--memory", "64MiB"});
  ASSERT_TRUE(small.ok());
  EXPECT_EQ(small->request.sandbox.workspace.size, 32_MiB);
  const auto large = ParseOptions({"--memory", "4GiB"});
  ASSERT_TRUE(large.ok());
  EXPECT_EQ(large->request.sandbox.workspace.size, 100_MiB);
}

TEST(RunRequest, BadLimitsNameOptionValueWhyAndFix) {
  struct Row {
    Words words;
    std::string_view says;
  };
  const std::vector<Row> rows = {
      {{"--memory", "0"}, "--memory: 0 is no limit"},
      {{"--memory", "-1"}, "--memory: '-1' is not a size: it is negative"},
      {{"--memory", "1EB"}, "--memory: '1EB' is not a size: unknown unit 'EB'"},
      {{"--memory", "abc"}, "--memory: 'abc' is not a size"},
      {{"--memory", ""}, "--memory"},
      {{"--memory", "4KiB"}, "--memory: 4KiB is out of range"},
      {{"--memory", "99999999999999999999"}, "--memory"},
      {{"--pids", "0"}, "--pids: 0 is out of range"},
      {{"--pids", "-3"}, "--pids '-3': it is negative"},
      {{"--pids", "many"}, "--pids 'many': it is not a whole number"},
      {{"--cpus", "0"}, "--cpus"},
      {{"--cpus", "1,5"}, "--cpus '1,5': it is not a number"},
      {{"--cpus", "-1"}, "--cpus '-1': it is negative"},
      {{"--cpu-time", "5"}, "--cpu-time: '5' is not a duration: the unit is missing"},
      {{"--wall-time", "0s"}, "--wall-time: 0s is out of range"},
      {{"--fds", "2"}, "--fds: 2 is out of range"},
      {{"--output", "0"}, "--output: 0 is no limit"},
      {{"--tmpfs", "1GiB"}, "--tmpfs: 1GiB is more than the memory limit of 512MiB"},
  };
  for (const Row& row : rows) {
    const std::string error = ErrorOf(row.words);
    EXPECT_NE(error.find(row.says), std::string::npos) << row.words.back() << ": " << error;
    EXPECT_NE(error.find("fix: "), std::string::npos) << error;
  }
}

TEST(RunRequest, WordsThatAreUnknownOrNotBuiltAreRefused) {
  EXPECT_NE(ErrorOf({"--level", "mediun"}).find("give low, medium or high"), std::string::npos);
  EXPECT_NE(ErrorOf({"--level", "max"}).find("'max' is no security level"), std::string::npos);
  EXPECT_NE(ErrorOf({"--network", "host"}).find("not built yet"), std::string::npos);
  EXPECT_NE(ErrorOf({"--network", "on"}).find("'on' is no network mode"), std::string::npos);
  EXPECT_EQ(ParseOptions({"--root", "oci:x:v1"})->request.sandbox.root.tag, "v1");
  EXPECT_NE(ErrorOf({"--rootfs", "oci:"}).find("is no root source"), std::string::npos);
  EXPECT_NE(ErrorOf({"--rootfs", "/x"}).find("is no root source"), std::string::npos);
  EXPECT_NE(ErrorOf({"--workspace", "nfs"}).find("is no workspace"), std::string::npos);
  EXPECT_NE(ErrorOf({"--degrade", "seccomp"}).find("cannot be given up"), std::string::npos);
  EXPECT_NE(ErrorOf({"--degrade", "secomp"}).find("is no layer"), std::string::npos);
  EXPECT_NE(ErrorOf({"--print", "settings"}).find("no such step"), std::string::npos);
  EXPECT_NE(ErrorOf({"--nosuch"}).find("--nosuch"), std::string::npos);
  EXPECT_NE(ErrorOf({"--pids", "3", "--pids", "4"}).find("given 2 times"), std::string::npos);
}

TEST(RunRequest, BindsAreReadOnlyUnlessRwIsWritten) {
  const auto parsed =
      ParseOptions({"--bind", "src:/src", "--bind", "/a:b:/c:rw", "--bind", "/d/./e/:/f:ro"});
  ASSERT_TRUE(parsed.ok()) << parsed.error().ToString();
  const std::vector<model::Bind> expected = {
      {HostPath("/home/me/project/src"), GuestPath("/src"), false},
      {HostPath("/a:b"), GuestPath("/c"), true},
      {HostPath("/d/e"), GuestPath("/f"), false}};
  EXPECT_EQ(parsed->request.sandbox.binds, expected);
}

TEST(RunRequest, BindsThatMakeNoSenseAreRefused) {
  EXPECT_NE(ErrorOf({"--bind", "/a"}).find("not SRC:DST"), std::string::npos);
  EXPECT_NE(ErrorOf({"--bind", "/a:b"}).find("not SRC:DST"), std::string::npos);
  EXPECT_NE(ErrorOf({"--bind", "/a:/b/../c"}).find("'..'"), std::string::npos);
  EXPECT_NE(ErrorOf({"--bind", "/a:/"}).find("cannot replace the root"), std::string::npos);
  EXPECT_NE(ErrorOf({"--bind", "/a:/x", "--bind", "/b:/x/"}).find("two binds"), std::string::npos);
}

TEST(RunRequest, NothingOfTheCallersEnvironmentGoesIn) {
  const auto parsed = ParseOptions({"--env", "A=1", "--env", "A=2", "--env", "PATH=/x"});
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->request.exec.env,
            (Words{"HOME=/home/agent", "LANG=C.UTF-8", "A=2", "PATH=/x"}));
  EXPECT_NE(ErrorOf({"--env", "A"}).find("not NAME=VALUE"), std::string::npos);
  EXPECT_NE(ErrorOf({"--env", "=x"}).find("not NAME=VALUE"), std::string::npos);
}

TEST(RunRequest, ATerminalMeansAPtyUnlessTheResultIsJson) {
  const Caller terminal{.cwd = "/", .tty = true, .term = "vt100"};
  const auto plain = Parse({"--", "sh"}, terminal);
  ASSERT_TRUE(plain.ok());
  EXPECT_TRUE(plain->request.exec.tty && plain->request.sandbox.tty);
  EXPECT_EQ(plain->request.exec.env.back(), "TERM=vt100");
  const auto json = Parse({"--json", "--", "sh"}, terminal);
  ASSERT_TRUE(json.ok());
  EXPECT_FALSE(json->request.exec.tty);
}

TEST(RunRequest, ACommandIsNeededAndStandsBehindDashes) {
  const auto none = Parse({});
  ASSERT_FALSE(none.ok());
  EXPECT_NE(none.error().ToString().find("no command"), std::string::npos);
  const auto bare = Parse({"ls"});
  ASSERT_FALSE(bare.ok());
  EXPECT_NE(bare.error().ToString().find("faber run -- ls"), std::string::npos);
}

}  // namespace
}  // namespace fabro::faber
