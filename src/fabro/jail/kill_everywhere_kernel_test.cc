// SIGKILL at every step: the real jailer, zygote, init and payload run under ptrace(2), and the one
// that makes the n-th system call of them all is killed there, for n over the whole life of a Jail
// (create, command, stop). Every fourth time the caller hangs up instead, which is what its death is
// to the jailer. Afterwards nothing may be left once the next jailer has started.
//
// FABRO_KILL_STEPS: how many n (32 by default), spread evenly.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <set>
#include <sstream>
#include <thread>

#include "fabro/jail/slots/ids_in_use.h"
#include "fabro/jail/slots/leases.h"
#include "fabro/jail/testing/in_jail.h"
#include "fabro/linux/file.h"
#include "fabro/linux/poll.h"
#include "fabro/linux/socket.h"

namespace fabro::jail::testing {
namespace {

using std::chrono::steady_clock;

enum class Blow { kNone, kKill, kHangUp };

struct Traced {
  long calls = 0;               // System calls of all processes, entries and exits.
  std::set<std::uint32_t> ids;  // That the jailer had leased.
};

// The ids of `holder` in the lease file.
std::set<std::uint32_t> LeasedBy(pid_t holder) {
  std::set<std::uint32_t> ids;
  std::istringstream lines(ReadFile(*DefaultLeaseFile()).value_or(""));
  const std::string mark = " " + std::to_string(holder) + ":";
  for (std::string line; std::getline(lines, line);) {
    if (line.find(mark) == std::string::npos || line.starts_with("#")) continue;
    const auto first = static_cast<std::uint32_t>(std::stoul(line));
    ids.insert({first, first + 1});
  }
  return ids;
}

void UseJail(UniqueFd connection) {
  auto jail = Jail::Create(Jailer::Adopt(std::move(connection)), {});
  if (!jail) return;
  const auto ran = RunIn(*jail, Command({"/bin/true"}));
  if (ran && ran->outcome.fate == model::Fate::kExited) {
    EXPECT_EQ(ran->outcome.exit_code, 0);
  }
  (void)jail->Stop();
}

// The program with its connection on descriptor 3, stopped before its first call.
pid_t StartTraced(int connection) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::dup2(connection, 3);
  if (connection == 3) ::fcntl(3, F_SETFD, 0);
  ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  ::execl(FABER_JAILER, "faber-jailer", nullptr);
  ::_exit(127);
}

// Follows the jailer and all that it starts to their end; strikes at the call number `at`.
Traced Follow(pid_t jailer, long at, Blow blow, int hang_up) {
  constexpr long kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                            PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
  Traced result;
  int status = 0;
  ::waitpid(jailer, &status, 0);
  ::ptrace(PTRACE_SETOPTIONS, jailer, nullptr, kOptions);
  ::ptrace(PTRACE_SYSCALL, jailer, nullptr, nullptr);
  std::set<pid_t> alive = {jailer};
  while (!alive.empty()) {
    const pid_t pid = ::waitpid(-1, &status, __WALL);
    if (pid < 0 && errno == EINTR) continue;
    if (pid < 0) break;
    if (!WIFSTOPPED(status)) {
      alive.erase(pid);
      continue;
    }
    alive.insert(pid);
    const int signal = WSTOPSIG(status);
    const bool call = signal == (SIGTRAP | 0x80);
    if (call) {
      if (++result.calls % 16 == 0) result.ids.merge(LeasedBy(jailer));
      if (result.calls == at && blow == Blow::kHangUp) ::shutdown(hang_up, SHUT_RDWR);
      if (result.calls == at && blow == Blow::kKill) {
        result.ids.merge(LeasedBy(jailer));
        ::kill(pid, SIGKILL);
        continue;
      }
    }
    const bool ours = call || signal == SIGTRAP || signal == SIGSTOP;
    ::ptrace(PTRACE_SYSCALL, pid, nullptr, ours ? 0L : static_cast<long>(signal));
  }
  return result;
}

Traced Strike(long at, Blow blow) {
  auto pair = MakeSocketPair(SocketType::kSeqPacket);
  const UniqueFd handle(::fcntl(pair->first.get(), F_DUPFD_CLOEXEC, 3));
  const pid_t jailer = StartTraced(pair->second.get());
  pair->second.reset();
  std::thread caller([&] { UseJail(std::move(pair->first)); });
  Traced result = Follow(jailer, at, blow, handle.get());
  caller.join();
  return result;
}

// Within a second nothing runs with the ids; after the next jailer's start no group is left.
void ExpectNothingLeft(const Traced& result, long at) {
  const auto limit = steady_clock::now() + std::chrono::seconds(1);
  auto used = IdsInUse(result.ids);
  while (used && !used->empty() && steady_clock::now() < limit) {
    ::poll(nullptr, 0, 5);
    used = IdsInUse(result.ids);
  }
  ASSERT_TRUE(used.ok());
  EXPECT_TRUE(used->empty()) << "processes with leased ids after call " << at;
}

TEST(KillEverywhereTest, NothingOutlivesTheOneThatDied) {
  const Traced whole = Strike(0, Blow::kNone);
  ASSERT_GT(whole.calls, 500);
  ASSERT_FALSE(whole.ids.empty());
  const char* wanted = std::getenv("FABRO_KILL_STEPS");
  const long steps = wanted == nullptr ? 32 : std::atol(wanted);
  for (long step = 0; step < steps; ++step) {
    const long at = 1 + whole.calls * step / steps;
    const Traced struck = Strike(at, step % 4 == 3 ? Blow::kHangUp : Blow::kKill);
    ExpectNothingLeft(struck, at);
    if (HasFailure()) return;
  }
  ASSERT_TRUE(MakeJail({}).ok());  // Its jailer's janitor runs first.
  EXPECT_EQ(SlotGroupsOf(0), std::vector<std::string>());
}

}  // namespace
}  // namespace fabro::jail::testing
