// The filters in a real kernel: each denied call is made once, and must end as the table says.
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include "fabro/linux/seccomp/edges_test.h"
#include "fabro/linux/seccomp/guest_test.h"
#include "fabro/linux/seccomp/seccomp.h"
#include "fabro/linux/seccomp/table.h"

namespace fabro::seccomp {
namespace {

// As syscall(2), but with all bits of the number, and -errno instead of errno.
long Make(const seccomp_data& call) {
  const auto& a = call.args;
  const long result = ::syscall(call.nr, a[0], a[1], a[2], a[3], a[4], a[5]);
  return result < 0 ? -errno : result;
}

seccomp_data Call(std::string_view name, std::initializer_list<std::uint64_t> args = {}) {
  seccomp_data data{};
  data.arch = static_cast<std::uint32_t>(NativeArch());
  data.nr = SyscallNumber(NativeArch(), name);
  std::copy(args.begin(), args.end(), data.args);
  return data;
}

FilterOptions Killing(Level level, Sockets sockets = Sockets::kFamilies) {
  return {.level = level, .sockets = sockets, .report = Report::kKill};
}

// How a child ends that makes the call and exits with its errno, 0 for success.
std::string Try(const FilterOptions& options, const seccomp_data& call) {
  const auto filter = CompileFilter(options).value();
  return StatusText(RunBelow(filter, [&] { return static_cast<int>(-std::min(Make(call), 0L)); }));
}

std::string Exit(int code) { return "exit " + std::to_string(code); }

constexpr Level kLevels[] = {Level::kLow, Level::kMedium, Level::kHigh};
// Low kills for a foreign ABI alone.
constexpr Level kKilling[] = {Level::kMedium, Level::kHigh};

// A newer kernel (uretprobe since 6.14, uprobe since 6.18) answers these two itself, before any
// filter: SIGILL or ENXIO to whoever calls them from elsewhere than the trampoline that it made.
bool IsKernelsOwn(const seccomp_data& call) {
  const std::string_view name = SyscallName(NativeArch(), static_cast<std::uint32_t>(call.nr));
  return name == "uprobe" || name == "uretprobe";
}

// Calls that are never allowed: one for each number and for each edge of its rule.
std::vector<seccomp_data> DeniedCalls(const FilterOptions& options, Verdict::Kind kind) {
  std::vector<seccomp_data> denied;
  for (std::uint32_t number = 0; number < 512; ++number) {
    const Syscall* call = FindSyscall(options.arch, number);
    const Rule* rule =
        call == nullptr ? nullptr : call->classes[static_cast<std::size_t>(options.level)].rule;
    for (const seccomp_data& data : EdgeCalls(options.arch, number, rule)) {
      if (!IsKernelsOwn(data) && VerdictOf(options, data).kind == kind) denied.push_back(data);
    }
  }
  return denied;
}

TEST(SeccompKernelTest, AllowedCallsWork) {
  for (const Level level : kLevels) {
    const auto filter = CompileFilter(Killing(level)).value();
    EXPECT_EQ(StatusText(RunBelow(filter, [] { return ::getpid() > 0 ? 0 : 1; })), "exit 0");
    EXPECT_EQ(StatusText(RunBelow(filter, [] { return ::getppid() > 0 ? 0 : 1; })), "exit 0");
  }
}

TEST(SeccompKernelTest, EveryRefusedCallFailsWithTheTablesErrno) {
  for (const Level level : kLevels) {
    for (const Sockets sockets : {Sockets::kNone, Sockets::kFamilies}) {
      const FilterOptions options = Killing(level, sockets);
      std::vector<seccomp_data> calls = DeniedCalls(options, Verdict::Kind::kSoft);
      const auto reported = DeniedCalls(options, Verdict::Kind::kReported);
      calls.insert(calls.end(), reported.begin(), reported.end());
      ASSERT_GT(calls.size(), 100U);

      // One child makes them all: none reaches the kernel, so none can have an effect.
      const int status = RunBelow(CompileFilter(options).value(), [&] {
        for (const seccomp_data& call : calls) {
          const long result = Make(call);
          if (result == -VerdictOf(options, call).sys_errno) continue;
          const std::string line =
              DescribeCall(call) + " returned " + std::to_string(result) + "\n";
          (void)!::write(STDERR_FILENO, line.data(), line.size());
          return 1;
        }
        return 0;
      });
      EXPECT_EQ(StatusText(status), "exit 0") << LevelName(level);
    }
  }
}

TEST(SeccompKernelTest, EveryDangerousCallKillsTheProcess) {
  for (const Level level : kKilling) {
    const FilterOptions options = Killing(level);
    const auto filter = CompileFilter(options).value();
    int last = -1;
    int tried = 0;
    for (const seccomp_data& call : DeniedCalls(options, Verdict::Kind::kKill)) {
      if (call.nr == last) continue;  // One of the edges is enough: each costs a process.
      last = call.nr;
      ++tried;
      EXPECT_EQ(StatusText(RunBelow(filter, [&] { return Make(call) < 0 ? 1 : 2; })), kKilled)
          << LevelName(level) << ' ' << DescribeCall(call);
    }
    EXPECT_GT(tried, 40);
  }
}

TEST(SeccompKernelTest, MountKillsAndPtraceFailsAtMedium) {
  EXPECT_EQ(Try(Killing(Level::kMedium), Call("mount")), kKilled);
  EXPECT_EQ(Try(Killing(Level::kMedium), Call("ptrace")), Exit(EPERM));
  EXPECT_EQ(Try(Killing(Level::kHigh), Call("ptrace")), kKilled);
}

TEST(SeccompKernelTest, ForbiddenSocketFamiliesDoNotExist) {
  for (const Level level : kLevels) {
    EXPECT_EQ(Try(Killing(level), Call("socket", {AF_ALG, SOCK_SEQPACKET})), Exit(EAFNOSUPPORT));
    EXPECT_EQ(Try(Killing(level), Call("socket", {AF_VSOCK, SOCK_STREAM})), Exit(EAFNOSUPPORT));
    EXPECT_EQ(Try(Killing(level), Call("socket", {AF_UNIX, SOCK_STREAM})), Exit(0));
    EXPECT_EQ(Try(Killing(level, Sockets::kNone), Call("socket", {AF_UNIX, SOCK_STREAM})),
              Exit(EAFNOSUPPORT));
  }
}

TEST(SeccompKernelTest, AHandlerOfSigsysCannotSurviveTheKill) {
  // ever.
  for (const Level level : kKilling) {
    const int status = RunBelow(CompileFilter(Killing(level)).value(), [] {
      struct sigaction ignore{};
      ignore.sa_handler = [](int) {};
      (void)::sigaction(SIGSYS, &ignore, nullptr);
      (void)::syscall(SYS_mount, 0, 0, 0, 0, 0);
      return 7;
    });
    EXPECT_EQ(StatusText(status), kKilled) << "a handler of SIGSYS must not survive";
  }
}

#if defined(__x86_64__)
TEST(SeccompKernelTest, CallsOfUprobesAreAnsweredByTheFilterOrByTheKernel) {
  for (const char* name : {"uprobe", "uretprobe"}) {
    const std::string end = Try(Killing(Level::kMedium), Call(name));
    EXPECT_TRUE(end == Exit(ENOSYS) || end == Exit(ENXIO) ||
                end == "signal " + std::to_string(SIGILL))
        << name << ' ' << end;
  }
}

TEST(SeccompKernelTest, ForeignAbisAreKilled) {
  for (const Level level : kLevels) {
    const auto filter = CompileFilter(Killing(level)).value();
    EXPECT_EQ(
        StatusText(RunBelow(filter, [] { return ::syscall(0x40000000 | SYS_getpid) < 0 ? 1 : 2; })),
        kKilled)
        << "x32";
    // Number 20 is getpid of i386 and writev of x86_64. A kernel without i386 ends it with SIGSEGV.
    const std::string i386 = StatusText(RunBelow(filter, [] {
      long result = 20;
      __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
      return result < 0 ? 1 : 2;
    }));
    EXPECT_TRUE(i386 == kKilled || i386 == "signal " + std::to_string(SIGSEGV)) << i386;
  }
}
#endif

}  // namespace
}  // namespace fabro::seccomp
