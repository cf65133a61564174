// Rows of section B that are more than one call.
#include <dirent.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "probe.h"

namespace probe {
namespace {

void Forbidden() { ::mount("none", "/mnt", "tmpfs", 0, nullptr); }

int ProcessesSeen(const Arguments&) {
  DIR* proc = ::opendir("/proc");
  if (proc == nullptr) return Fail(ErrnoWord(errno), "/proc");
  int seen = 0;
  for (const dirent* entry = ::readdir(proc); entry != nullptr; entry = ::readdir(proc)) {
    seen += entry->d_name[0] >= '1' && entry->d_name[0] <= '9' ? 1 : 0;
  }
  static char evidence[64];
  std::snprintf(evidence, sizeof(evidence), "%d processes", seen);
  return seen <= 2 ? Pass("own", evidence) : Fail("others", evidence);
}

// Nothing answers but our own process; init is somebody else's (EPERM).
int SignalAll(const Arguments&) {
  static char evidence[64];
  for (pid_t pid = 1; pid < 65536; ++pid) {
    if (pid == ::getpid() || ::kill(pid, 0) != 0) continue;
    std::snprintf(evidence, sizeof(evidence), "pid %d", pid);
    return Fail("reached", evidence);
  }
  return Pass("none", "reached");
}
int KillInit(const Arguments&) {
  const bool refused =
      ::kill(1, SIGTERM) != 0 && ::kill(1, SIGSTOP) != 0 && ::kill(1, SIGKILL) != 0;
  return refused ? Pass(ErrnoWord(errno), "kill(1)") : Fail("OK", "kill(1)");
}
int RewriteMaps(const Arguments&) {
  for (const char* path : {"/proc/self/uid_map", "/proc/self/gid_map", "/proc/self/setgroups"}) {
    const int fd = ::open(path, O_WRONLY);
    if (fd >= 0 && ::write(fd, "0 0 1\n", 6) > 0) return Fail("OK", path);
  }
  return Pass(ErrnoWord(errno), "maps");
}
#if defined(__x86_64__)
int ForeignAbi(const Arguments&) {
  long result = 20;  // getpid of i386.
  asm volatile("int $0x80" : "+a"(result)::"memory", "r8", "r9", "r10", "r11");
  return result > 0 ? Fail("OK", "int 0x80") : Pass("refused", "int 0x80");
}
int ForeignNumber(const Arguments&) { return MustFail(::syscall(0x40000000 | 39), "x32 getpid"); }
#else
int ForeignAbi(const Arguments&) { return Pass("none", "no second ABI on this architecture"); }
int ForeignNumber(const Arguments&) { return ForeignAbi({}); }
#endif

// A listener of its own would let the guest answer CONTINUE in place of the jailer.
int OwnListener(const Arguments&) {
  sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)};
  sock_fprog program = {1, allow};
  return MustFail(
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program),
      "own seccomp listener");
}

// A filter of the guest's own never makes anything possible that was refused before it.
int OwnFilter(const Arguments&) {
  sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  sock_fprog program = {1, allow};
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    return Pass(ErrnoWord(errno), "own filter");
  }
  Forbidden();
  return Fail("OK", "mount answered under an own filter");
}

void* KeepForbidding(void*) {
  for (;;) Forbidden();
  return nullptr;
}
int Flood(const Arguments&) {
  for (int i = 0; i < 8; ++i) {
    pthread_t thread{};
    ::pthread_create(&thread, nullptr, KeepForbidding, nullptr);
  }
  KeepForbidding(nullptr);
  return 0;
}

void Ignore(int) {}
int SurviveSigsys(const Arguments&) {
  ::signal(SIGSYS, Ignore);
  Forbidden();
  return Fail("alive", "after a forbidden call");
}
int HiddenGrandchild(const Arguments&) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::fork() == 0) {
      Forbidden();
      ::_exit(0);
    }
    ::wait(nullptr);
    ::_exit(0);
  }
  ::wait(nullptr);
  return Fail("alive", "the grandchild's call was not seen");
}

// Leaves a child behind whose call comes when standard input ends: after the leader's end.
int ViolationAfterLeader(const Arguments&) {
  if (::fork() == 0) {
    ::setsid();
    ::close(1);
    ::close(2);
    char byte = 0;
    (void)!::read(0, &byte, 1);
    Forbidden();
    for (;;) ::pause();
  }
  return Pass("gone", "the leader, by itself");
}

// Prints once it is detached, then stays for as long as it may.
int Daemonise(const Arguments& arguments) {
  int ready[2];
  if (::pipe(ready) != 0) return Fail(ErrnoWord(errno), "pipe");
  if (::fork() == 0) {
    ::setsid();
    ::prctl(PR_SET_PDEATHSIG, 0);
    if (::fork() == 0) {
      for (int signal = 1; signal < 32; ++signal) ::signal(signal, SIG_IGN);
      for (int fd = 0; fd < 3; ++fd) ::close(fd);
      (void)!::write(ready[1], "1", 1);
      ::close(ready[1]);
      for (;;) ::pause();
    }
    ::_exit(0);
  }
  char byte = 0;
  (void)!::read(ready[0], &byte, 1);
  const int done = Pass("detached", "a daemon is left behind");
  if (std::strcmp(arguments.At(0), "stay") == 0) {
    for (;;) ::pause();
  }
  return done;
}

int Zombies(const Arguments&) {
  int made = 0;
  for (int i = 0; i < 10'000; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      if (::fork() >= 0) ::_exit(0);
      ::_exit(0);
    }
    if (child < 0) return Pass(ErrnoWord(errno), "fork");
    ::waitpid(child, nullptr, 0);
    ++made;
  }
  return made == 10'000 ? Pass("reaped", "10000 orphans") : Fail("lost", "orphans");
}
int Abort(const Arguments&) {
  char* heap = static_cast<char*>(std::malloc(1U << 24U));
  std::memset(heap, 1, 1U << 24U);
  asm volatile("" ::"r"(heap) : "memory");
  rlimit core{};
  ::getrlimit(RLIMIT_CORE, &core);
  if (core.rlim_max > 1) return Fail("rlimit", "RLIMIT_CORE can be raised");
  ::abort();
}
int Clocks(const Arguments&) {
  timespec boot{}, monotonic{};
  ::clock_gettime(CLOCK_BOOTTIME, &boot);
  ::clock_gettime(CLOCK_MONOTONIC, &monotonic);
  return boot.tv_sec < 60 && monotonic.tv_sec < 60 ? Pass("near-zero", "") : Fail("host", "clock");
}
int Affinity(const Arguments&) {
  unsigned long none[16] = {};
  none[15] = 1UL << 63U;  // Of 1024 processors the last.
  return MustFail(::syscall(SYS_sched_setaffinity, 0, sizeof(none), none), "CPU 1023");
}
int OwnTerminal(const Arguments&) { return MustFail(::open("/dev/tty", O_RDWR), "/dev/tty"); }
int StopEverybody(const Arguments&) {
  // The stop reaches every process of the id, a command on its way to its execve too.
  for (bool told = false;; ::kill(-1, SIGSTOP)) {
    if (!told) told = Pass("stopping", "everybody") == 0;
  }
}
int StopItself(const Arguments&) {
  ::kill(0, SIGSTOP);
  return Fail("awake", "after SIGSTOP");
}
int Pause(const Arguments&) {
  for (;;) ::pause();
}
int WorkingDirectory(const Arguments&) {
  static char where[4096];
  if (::getcwd(where, sizeof(where)) == nullptr) return Fail(ErrnoWord(errno), "getcwd");
  if (where[0] != '/') return Fail("outside", where);
  struct stat here{}, root{};
  if (::stat(".", &here) != 0 || ::stat("/usr", &root) != 0) return Fail(ErrnoWord(errno), "stat");
  return ::access("etc/shadow", F_OK) == 0 ? Fail("host", where) : Pass("inside", where);
}

constexpr Probe kProcesses[] = {{"B1", ProcessesSeen},
                                {"B2", SignalAll},
                                {"B3", KillInit},
                                {"B8", RewriteMaps},
                                {"B19a", ForeignAbi},
                                {"B19b", ForeignNumber},
                                {"B25a", OwnListener},
                                {"B25b", OwnFilter},
                                {"B26", Flood},
                                {"B27", SurviveSigsys},
                                {"B28", HiddenGrandchild},
                                {"B28late", ViolationAfterLeader},
                                {"B30", Daemonise},
                                {"B31", Zombies},
                                {"B32", Abort},
                                {"B34", Clocks},
                                {"B38", Affinity},
                                {"B40", OwnTerminal},
                                {"stop-all", StopEverybody},
                                {"R15", StopItself},
                                {"pause", Pause},
                                {"A11", WorkingDirectory}};

}  // namespace

std::span<const Probe> Processes() { return kProcesses; }

}  // namespace probe
