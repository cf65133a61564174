// Bytes in and out: whole, in order, with backpressure, and quiet ends.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>

#include "fabro/base/id.h"
#include "fabro/linux/unique_fd.h"
#include "tests/e2e/faber/faber_run.h"

namespace fabro::e2e {
namespace {

class Streams : public FaberTest {};

TEST_F(Streams, TenMegabytesOfAnyBytesPassUnchanged) {
  const std::string bytes = RandomBytes(10'000'000);
  const Done done = Faber({"run", "--output", "16MiB", "--", "cat"}, bytes);
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_TRUE(done.out == bytes) << done.out.size() << " bytes came back";
}

TEST_F(Streams, StdoutAndStderrStayApart) {
  const Done done = Shell("echo one; echo two >&2");
  EXPECT_EQ(done.out, "one\n");
  EXPECT_EQ(done.err, "two\n");
}

TEST_F(Streams, OutputComesWhileTheCommandRuns) {
  Running running = Start({"run", "--", "sh", "-c", "echo ready; read line; echo got $line"});
  EXPECT_EQ(ReadUntil(running.out.get(), "ready\n"), "ready\n");
  ASSERT_EQ(::write(running.in.get(), "hello\n", 6), 6);
  EXPECT_EQ(ReadUntil(running.out.get(), "got hello\n"), "got hello\n");
  EXPECT_EQ(StatusOf(running.process), 0);
}

TEST_F(Streams, AClosedInputEndsTheGuestsInput) {
  Running running = Start({"run", "--", "cat"});
  running.in.reset();
  EXPECT_EQ(StatusOf(running.process), 0);
}

TEST_F(Streams, ACommandThatDoesNotReadItsInputIsNoProblem) {
  EXPECT_EQ(Faber({"run", "--", "true"}, std::string(1'000'000, 'x')).status, 0);
}

TEST_F(Streams, AReaderThatLeavesEndsTheCommandQuietly) {
  Running running = Start({"run", "--", "yes"});
  EXPECT_NE(ReadUntil(running.out.get(), "y\n"), "");
  running.out.reset();
  EXPECT_EQ(StatusOf(running.process), 128 + SIGPIPE);
  EXPECT_EQ(ReadUntil(running.err.get(), "\n"), "");
}

TEST_F(Streams, TheGuestHasPipesAndNoDescriptorOfTheCaller) {
  const Done done = Shell("ls -l /proc/self/fd | grep -c pipe; ls /proc/self/fd | wc -l", {}, "x");
  EXPECT_EQ(done.out.substr(0, 2), "3\n") << done.out;
  EXPECT_EQ(done.out, "3\n4\n") << "0, 1, 2 and the listing's own";
}

TEST_F(Streams, DescriptorsThatTheCallerLeftOpenDoNotGoIn) {
  const UniqueFd leaked(::open("/etc/hostname", O_RDONLY));  // Not close-on-exec, on purpose.
  EXPECT_EQ(Shell("ls /proc/self/fd | wc -l").out, "4\n");
}

}  // namespace
}  // namespace fabro::e2e
