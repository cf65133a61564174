#include "fabro/linux/spawn.h"

#include <gtest/gtest.h>

#include <chrono>

namespace fabro {
namespace {

SpawnRequest Shell(const std::string& script) {
  SpawnRequest request;
  request.argv = {"/bin/sh", "-c", script};
  request.env = {"PATH=/usr/bin:/bin"};
  return request;
}

TEST(SpawnTest, StreamsAndExitCodeComeBackApart) {
  const auto output = RunCommand(Shell("cat; echo err >&2; exit 3"), "in", 1_MiB, std::nullopt);

  ASSERT_TRUE(output.ok()) << output.error().ToString();
  EXPECT_EQ(output->out, "in");
  EXPECT_EQ(output->err, "err\n");
  const ExitStatus expected{ExitStatus::Kind::kExited, 3};
  EXPECT_EQ(output->status, expected);
}

TEST(SpawnTest, TheChildGetsNoDescriptorOfOurs) {
  const auto output = RunCommand(Shell("ls /proc/self/fd | wc -l"), "", 1_MiB, std::nullopt);

  ASSERT_TRUE(output.ok()) << output.error().ToString();
  EXPECT_EQ(output->out, "4\n") << "0, 1, 2 and the directory that ls reads";
}

TEST(SpawnTest, InputThatNobodyReadsIsNoError) {
  const std::string much(std::size_t{4} << 20, 'x');

  const auto output = RunCommand(Shell("exec <&-; true"), much, 1_MiB, std::nullopt);

  ASSERT_TRUE(output.ok()) << output.error().ToString();
  EXPECT_TRUE(output->succeeded());
}

TEST(SpawnTest, AMissingProgramOrDirectoryIsNamed) {
  SpawnRequest missing = Shell("true");
  missing.argv = {"/nonexistent/program"};
  SpawnRequest nowhere = Shell("true");
  nowhere.cwd = "/nonexistent/dir";

  EXPECT_EQ(RunCommand(missing, "", 1_MiB, std::nullopt).error().code, Code::kNotFound);
  EXPECT_NE(RunCommand(nowhere, "", 1_MiB, std::nullopt).error().message.find("/nonexistent/dir"),
            std::string::npos);
}

TEST(SpawnTest, TooMuchOutputAndTooMuchTimeEndIt) {
  const auto much = RunCommand(Shell("yes"), "", 64_KiB, std::nullopt);
  const auto now = std::chrono::steady_clock::now();
  const auto late = RunCommand(Shell("read x < /dev/zero"), "", 1_KiB, now);

  EXPECT_EQ(much.error().reason, "output_limit");
  EXPECT_EQ(late.error().reason, "command_timeout");
}

}  // namespace
}  // namespace fabro
