// What is left when a part of it dies: X10 of the threat matrix.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>

#include "fabro/linux/file.h"
#include "fabro/linux/poll.h"
#include "tests/e2e/network/egress_fixture.h"

namespace fabro::e2e {
namespace {

using testing::HasSubstr;
using testing::Not;

using RelayTest = EgressTest;

// The pid of the egressd that belongs to a faber, by way of its jailer; 0: none.
pid_t EgressdBelow(pid_t faber) {
  for (const char* name : {"faber-jailer", "faber-egressd"}) {
    const std::string path = "/proc/" + std::to_string(faber) + "/task/" + std::to_string(faber);
    const std::string children = ReadFile(path + "/children").value_or("");
    faber = 0;
    for (std::size_t at = 0; at < children.size();) {
      const pid_t pid = static_cast<pid_t>(std::stol(children.substr(at)));
      at = std::min(children.find(' ', at), children.size() - 1) + 1;
      const std::string comm = ReadFile("/proc/" + std::to_string(pid) + "/comm").value_or("");
      if (comm.starts_with(name)) faber = pid;
    }
    if (faber == 0) return 0;
  }
  return faber;
}

// Ended, whoever reaps it.
void AwaitEnd(pid_t pid) {
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) return;
  const auto ended =
      PollOne(pidfd.get(), POLLIN, std::chrono::steady_clock::now() + std::chrono::seconds(20));
  EXPECT_TRUE(ended.ok() && *ended != 0);
}

constexpr char kTwoTries[] = R"(
import socket, sys
def attempt():
    try:
        with socket.create_connection(('allowed.test', 80), 10) as stream:
            stream.sendall(b'GET / HTTP/1.0\r\n\r\n')
            return stream.recv(1) == b'H'
    except OSError as error:
        return error.errno
held = socket.create_connection(('allowed.test', 80), 10)
print('first', attempt(), flush=True)
sys.stdin.readline()
try:
    print('held', held.recv(1))
except OSError as error:
    print('held', error.errno)
print('second', attempt(), flush=True)
)";

TEST_F(RelayTest, X10_WithoutItsRelayASandboxHasNoWayOutAndSaysSo) {
  Running run = Start(
      {"run", "--pids", "64", "--allow-host", "allowed.test", "--", "python3", "-c", kTwoTries});
  EXPECT_EQ(ReadUntil(run.out.get(), "\n"), "first True\n");
  const pid_t egressd = EgressdBelow(run.process.pid());
  ASSERT_NE(egressd, 0);
  const std::string status = ReadFile("/proc/" + std::to_string(egressd) + "/status").value_or("");
  EXPECT_THAT(status, HasSubstr("CapEff:\t0000000000000000"));
  EXPECT_THAT(status, HasSubstr("NoNewPrivs:\t1"));
  EXPECT_THAT(status, HasSubstr("Seccomp:\t2"));
  EXPECT_THAT(status, Not(HasSubstr("Uid:\t0")));
  ASSERT_EQ(::kill(egressd, SIGKILL), 0);
  AwaitEnd(egressd);
  ASSERT_TRUE(WriteFd(run.in.get(), "go\n").ok());
  // The name server is gone too: EAI_AGAIN.
  EXPECT_EQ(ReadUntil(run.out.get(), "second -3\n"), "held b''\nsecond -3\n");
  EXPECT_THAT(ReadUntil(run.err.get(), "ended early"), HasSubstr("faber-egressd ended early"));
  EXPECT_EQ(StatusOf(run.process), 0);
}

TEST_F(RelayTest, X10_NothingIsLeftWhenTheCallerIsKilled) {
  Running run = Start(
      {"run", "--pids", "64", "--allow-host", "allowed.test", "--", "python3", "-c", kTwoTries});
  EXPECT_EQ(ReadUntil(run.out.get(), "\n"), "first True\n");
  const pid_t egressd = EgressdBelow(run.process.pid());
  ASSERT_NE(egressd, 0);
  ASSERT_TRUE(run.process.Kill(SIGKILL).ok());
  StatusOf(run.process);
  AwaitEnd(egressd);
}

}  // namespace
}  // namespace fabro::e2e
