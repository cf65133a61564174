// SIGKILL at every step: the real jailer, zygote, init and payload run under ptrace(2), and the one
// that makes the n-th system call of them all is killed there, for n over the whole life of a Jail
// (create, command, stop). Every fourth time the caller, a process of its own, is killed instead.
// Afterwards no process has the Jail's ids or is in one of its namespaces, and no group or mount is
// left once the next jailer has started. A survivor fails the test; it does not hang it.
//
// FABRO_KILL_STEPS: how many n for each kind of workspace, spread evenly; 12, and 600 when
// FABRO_SOAK is set.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <set>
#include <sstream>

#include "fabro/jail/slots/leases.h"
#include "fabro/jail/testing/in_jail.h"
#include "fabro/linux/file.h"
#include "fabro/linux/scoped_dir.h"
#include "fabro/linux/socket.h"

namespace fabro::jail::testing {
namespace {

using std::chrono::steady_clock;

enum class Blow { kNone, kKill, kKillCaller };

constexpr unsigned kPatienceSeconds = 60;

struct Traced {
  long calls = 0;                    // System calls of all processes, entries and exits.
  std::set<std::uint32_t> ids;       // That the jailer had leased.
  std::set<std::string> namespaces;  // "net:[4026532008]"; those of the test left out.
  bool ended = true;                 // All by themselves.
  std::string survivors;             // Else: who did not, and in which call.
  int caller = -1;                   // Wait status of the caller.
};

std::string LinkText(const std::string& path) {
  std::array<char, 64> text{};
  const ssize_t length = ::readlink(path.c_str(), text.data(), text.size());
  return length <= 0 ? "" : std::string(text.data(), static_cast<std::size_t>(length));
}

std::set<std::string> NamespacesOf(const std::string& pid) {
  std::set<std::string> found;
  for (const char* kind : {"net", "mnt", "pid", "ipc", "uts", "user", "cgroup", "time"}) {
    const std::string name = LinkText("/proc/" + pid + "/ns/" + kind);
    if (!name.empty()) found.insert(name);
  }
  return found;
}

// The ids of `holder` in the lease file.
std::set<std::uint32_t> LeasedBy(pid_t holder) {
  std::set<std::uint32_t> ids;
  std::istringstream lines(ReadFile(*DefaultLeaseFile(::geteuid())).value_or(""));
  const std::string mark = " " + std::to_string(holder) + ":";
  for (std::string line; std::getline(lines, line);) {
    if (line.find(mark) == std::string::npos || line.starts_with("#")) continue;
    const auto first = static_cast<std::uint32_t>(std::stoul(line));
    ids.insert({first, first + 1});
  }
  return ids;
}

// Exit status 0: the command ran and the Jail was stopped.
int UseJail(UniqueFd connection, const model::SandboxSpec& spec) {
  auto jail = Jail::Create(Jailer::Adopt(std::move(connection)), spec);
  if (!jail) return 1;
  const auto ran = RunIn(*jail, Command({"/bin/true"}));
  if (!ran || ran->outcome.fate != model::Fate::kExited || ran->outcome.exit_code != 0) return 2;
  return jail->Stop() ? 0 : 3;
}

pid_t StartCaller(UniqueFd connection, const model::SandboxSpec& spec) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(UseJail(std::move(connection), spec));
  return pid;
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

// Interrupts waitpid(2) when the patience is at its end.
class Patience {
 public:
  Patience() {
    struct sigaction interrupt{};
    interrupt.sa_handler = [](int) {};
    ::sigaction(SIGALRM, &interrupt, &old_);
    ::alarm(kPatienceSeconds);
  }
  ~Patience() {
    ::alarm(0);
    ::sigaction(SIGALRM, &old_, nullptr);
  }
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;

 private:
  struct sigaction old_{};
};

// The jailer and all that it starts, to their end.
class Tracer {
 public:
  Tracer(pid_t jailer, pid_t caller, long at, Blow blow)
      : jailer_(jailer), caller_(caller), at_(at), blow_(blow) {}

  Traced Follow() {
    constexpr long kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                              PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
    const Patience patience;
    int status = 0;
    ::waitpid(jailer_, &status, 0);
    ::ptrace(PTRACE_SETOPTIONS, jailer_, nullptr, kOptions);
    ::ptrace(PTRACE_SYSCALL, jailer_, nullptr, nullptr);
    alive_ = {jailer_, caller_};
    while (!alive_.empty()) {
      const pid_t pid = ::waitpid(-1, &status, __WALL);
      if (pid < 0 && errno != EINTR) break;
      if (pid < 0) {
        GiveUp();
      } else if (WIFSTOPPED(status)) {
        OnStop(pid, WSTOPSIG(status));
      } else {
        if (pid == caller_) result_.caller = status;
        alive_.erase(pid);
      }
    }
    for (const std::string& own : NamespacesOf("self")) result_.namespaces.erase(own);
    return std::move(result_);
  }

 private:
  void GiveUp() {
    result_.ended = false;
    for (const pid_t pid : alive_) {
      const std::string proc = "/proc/" + std::to_string(pid);
      for (const char* file : {"/comm", "/stat", "/syscall", "/wchan", "/stack"}) {
        result_.survivors += file + (" " + ReadFile(proc + file).value_or("?")) + "\n";
      }
    }
    for (const pid_t pid : alive_) ::kill(pid, SIGKILL);
  }

  void Look(pid_t pid) {
    result_.ids.merge(LeasedBy(jailer_));
    result_.namespaces.merge(NamespacesOf(std::to_string(pid)));
  }

  void OnStop(pid_t pid, int signal) {
    const bool is_new = alive_.insert(pid).second;
    const bool call = signal == (SIGTRAP | 0x80);
    if (is_new || (call && result_.calls % 16 == 0)) Look(pid);
    if (call && ++result_.calls == at_ && blow_ != Blow::kNone) {
      Look(pid);
      ::kill(blow_ == Blow::kKill ? pid : caller_, SIGKILL);
      if (blow_ == Blow::kKill) return;
    }
    const bool ours = call || signal == SIGTRAP || signal == SIGSTOP;
    ::ptrace(PTRACE_SYSCALL, pid, nullptr, ours ? 0L : static_cast<long>(signal));
  }

  pid_t jailer_;
  pid_t caller_;
  long at_;
  Blow blow_;
  std::set<pid_t> alive_;
  Traced result_;
};

Traced Strike(const model::SandboxSpec& spec, long at, Blow blow) {
  auto pair = MakeSocketPair(SocketType::kSeqPacket);
  const pid_t jailer = StartTraced(pair->second.get());
  pair->second.reset();
  const pid_t caller = StartCaller(std::move(pair->first), spec);
  pair->first.reset();
  return Tracer(jailer, caller, at, blow).Follow();
}

// Whether one of the four user ids in a /proc/PID/status is one of `ids`.
bool RunsWith(const std::string& status, const std::set<std::uint32_t>& ids) {
  std::istringstream words(status.substr(std::min(status.find("\nUid:"), status.size())));
  std::string word;
  words >> word;
  for (std::uint32_t id = 0; words >> id;) {
    if (ids.contains(id)) return true;
  }
  return false;
}

// "PID WHY" of processes with one of the ids or in one of the namespaces. Not of zombies: they are
// dead, and how soon somebody else's orphan is reaped is up to the machine's init.
std::vector<std::string> Survivors(const Traced& result) {
  std::vector<std::string> found;
  const auto proc = OpenDir("/proc");
  const auto names = ListDir(proc->get());
  for (const std::string& pid : *names) {
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string status = ReadFile("/proc/" + pid + "/status").value_or("");
    if (status.empty() || status.find("\nState:\tZ") != std::string::npos) continue;
    if (RunsWith(status, result.ids)) found.push_back(pid + " has a leased id");
    for (const std::string& name : NamespacesOf(pid)) {
      if (result.namespaces.contains(name)) found.push_back(pid + " " + name);
    }
  }
  return found;
}

// Bounded: what was killed may need a moment on a busy machine.
void ExpectNothingLeft(const Traced& result, long at) {
  EXPECT_TRUE(result.ended) << "survivors after call " << at << ":\n" << result.survivors;
  const auto limit = steady_clock::now() + std::chrono::seconds(5);
  std::vector<std::string> left = Survivors(result);
  while (!left.empty() && steady_clock::now() < limit) {
    ::poll(nullptr, 0, 5);
    left = Survivors(result);
  }
  EXPECT_EQ(left, std::vector<std::string>()) << "after call " << at;
}

std::set<std::string> HostMounts() {
  std::istringstream lines(ReadFile("/proc/self/mountinfo").value_or(""));
  std::set<std::string> mounts;
  for (std::string line; std::getline(lines, line);) mounts.insert(line);
  return mounts;
}

long Steps(long calls) {
  const char* wanted = std::getenv("FABRO_KILL_STEPS");
  if (wanted != nullptr) return std::atol(wanted);
  return std::getenv("FABRO_SOAK") != nullptr ? calls : 12;
}

void StrikeEverywhere(const model::SandboxSpec& spec) {
  const std::set<std::string> mounts = HostMounts();
  const Traced whole = Strike(spec, 0, Blow::kNone);
  ASSERT_EQ(whole.caller, 0) << "the caller of a Jail that nobody killed";
  ASSERT_GT(whole.calls, 500);
  ASSERT_FALSE(whole.ids.empty());
  ASSERT_GE(whole.namespaces.size(), 6U);
  ExpectNothingLeft(whole, 0);
  const long steps = Steps(whole.calls);
  for (long step = 0; step < steps && !::testing::Test::HasFailure(); ++step) {
    const long at = 1 + whole.calls * step / steps;
    const Traced struck = Strike(spec, at, step % 4 == 3 ? Blow::kKillCaller : Blow::kKill);
    ExpectNothingLeft(struck, at);
  }
  auto next = MakeJail(spec);  // Its jailer's janitor runs first.
  ASSERT_TRUE(next.ok()) << next.error().ToString();
  ASSERT_TRUE(next->Stop().ok());
  EXPECT_EQ(SlotGroupsOf(0), std::vector<std::string>());
  EXPECT_EQ(HostMounts(), mounts);
}

TEST(KillEverywhereTest, NothingOutlivesTheOneThatDied) { StrikeEverywhere({}); }

TEST(KillEverywhereTest, NothingOutlivesItWithAWorkspaceOnDisk) {
  const auto dir = TempDir::Make("killed");
  ASSERT_TRUE(dir.ok());
  model::SandboxSpec spec;
  spec.workspace.kind = model::WorkspaceKind::kDisk;
  spec.workspace.dir = HostPath(dir->path());
  StrikeEverywhere(spec);
}

}  // namespace
}  // namespace fabro::jail::testing
