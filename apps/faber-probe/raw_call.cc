// One system call by number, made by a process of a chosen kind: what the reports of refused calls
// must name rightly.
//
//   call SHAPE NR,A0,A1,A2,A3,A4,A5
//     prints "CALLER <thread id>", makes the call, prints "RESULT <errno word or OK>"
//       direct      by the command itself
//       grandchild  by a process of a process, while the command ends well whatever happens
//       thread      by a second thread
//       renamed     by a process that calls itself "kworker/0:1"
//       session     by one in a session of its own
//   calls NR,…  [NR,…]…
//     makes all of them one after the other and prints "<NR> <errno word or OK>" for each
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "probe.h"

namespace probe {
namespace {

struct Call {
  long number = -1;
  unsigned long args[6] = {};
};

Call Parse(const char* text) {
  Call call;
  char* at = nullptr;
  call.number = std::strtol(text, &at, 0);
  for (unsigned long& arg : call.args) {
    if (*at == ',') arg = std::strtoul(at + 1, &at, 0);
  }
  return call;
}

// 0, or the errno.
int Make(const Call& call) {
  const auto& a = call.args;
  return ::syscall(call.number, a[0], a[1], a[2], a[3], a[4], a[5]) < 0 ? errno : 0;
}

int Announced(const Call& call) {
  std::printf("CALLER %ld\n", ::syscall(SYS_gettid));
  const int error = Make(call);
  std::printf("RESULT %s\n", error == 0 ? "OK" : ErrnoWord(error));
  return 0;
}

template <typename Body>
int InChild(Body body) {
  const pid_t child = ::fork();
  if (child == 0) {
    const int code = body();
    std::fflush(stdout);
    ::_exit(code);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return 0;
}

struct Thread {
  Call call;
  std::atomic<bool> done{false};
};

int ThreadMain(void* given) {
  auto* thread = static_cast<Thread*>(given);
  Announced(thread->call);
  thread->done = true;
  ::syscall(SYS_exit, 0);
  return 0;
}

// By clone(2): a static program without the thread library. The first thread only waits, so that
// both never print at once.
int InThread(const Call& call) {
  constexpr std::size_t kStack = 1U << 18U;
  static Thread thread;
  thread.call = call;
  char* stack = static_cast<char*>(::mmap(nullptr, kStack, PROT_READ | PROT_WRITE,
                                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0));
  constexpr int kThread =
      CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
  if (stack == MAP_FAILED || ::clone(ThreadMain, stack + kStack, kThread, &thread) < 0) {
    return Fail(ErrnoWord(errno), "thread");
  }
  while (!thread.done) ::sched_yield();
  return 0;
}

int One(const Arguments& arguments) {
  const char* shape = arguments.At(0);
  const Call call = Parse(arguments.At(1));
  const auto announced = [&] { return Announced(call); };
  if (std::strcmp(shape, "grandchild") == 0) return InChild([&] { return InChild(announced); });
  if (std::strcmp(shape, "thread") == 0) return InThread(call);
  if (std::strcmp(shape, "renamed") == 0) {
    return InChild([&] {
      ::prctl(PR_SET_NAME, "kworker/0:1");
      return announced();
    });
  }
  if (std::strcmp(shape, "session") == 0) {
    return InChild([&] {
      ::setsid();
      return announced();
    });
  }
  return Announced(call);
}

int Many(const Arguments& arguments) {
  for (int i = 0; i < arguments.count; ++i) {
    const Call call = Parse(arguments.values[i]);
    const int error = Make(call);
    std::printf("%ld %s\n", call.number, error == 0 ? "OK" : ErrnoWord(error));
  }
  return 0;
}

constexpr Probe kRaw[] = {{"call", One}, {"calls", Many}};

}  // namespace

std::span<const Probe> RawCalls() { return kRaw; }

}  // namespace probe
