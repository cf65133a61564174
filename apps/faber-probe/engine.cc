// Attacks on the engine's own processes, from inside: what its init, its jailer and the commands
// beside it have to bear.
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "probe.h"

namespace probe {
namespace {

// Every file of /proc that opens for writing; none may. Through /proc/self/fd it is the file behind
// that opens, which is why those are left out.
const char* WritableBelow(const char* directory) {
  static char path[512];
  DIR* names = ::opendir(directory);
  if (names == nullptr) return nullptr;
  for (const dirent* entry = ::readdir(names); entry != nullptr; entry = ::readdir(names)) {
    if (entry->d_type != DT_REG) continue;
    std::snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
    const int fd = ::open(path, O_WRONLY);
    if (fd < 0) continue;
    ::closedir(names);
    return path;
  }
  ::closedir(names);
  return nullptr;
}
int WriteToProc(const Arguments&) {
  for (const char* directory : {"/proc", "/proc/self", "/proc/self/attr", "/proc/thread-self"}) {
    const char* writable = WritableBelow(directory);
    if (writable != nullptr) return Fail("OK", writable);
  }
  return MustFail(::open("/proc/self/oom_score_adj", O_WRONLY), "oom_score_adj");
}

// Whoever has a lower score than the engine's init lets the kernel take that one first, and whoever
// has the score of a process of the host competes with it.
int LowerOomScore(const Arguments&) {
  const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY);
  if (fd >= 0 && ::write(fd, "0", 1) == 1) return Fail("OK", "oom_score_adj 0");
  FILE* file = std::fopen("/proc/self/oom_score_adj", "re");
  int score = 0;
  if (file == nullptr || std::fscanf(file, "%d", &score) != 1) return Fail("unreadable", "score");
  return score == 1000 ? Pass("1000", "oom_score_adj") : Fail("lower", "than 1000");
}

// Orphans without end: each is reaped by init, which has other things to do as well.
int OrphanStorm(const Arguments&) {
  for (int i = 0; i < 40; ++i) {
    if (::fork() == 0) break;
  }
  const int told = Pass("storming", "orphans");
  ::close(1);
  for (;;) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (int i = 0; i < 4; ++i) {
        if (::fork() == 0) ::_exit(told);
      }
      ::_exit(told);
    }
    if (child > 0) ::waitpid(child, nullptr, 0);
  }
}

// Leaves a child behind that burns the processor.
int BurnAfterLeader(const Arguments&) {
  if (::fork() == 0) {
    ::setsid();
    for (int fd = 0; fd < 3; ++fd) ::close(fd);
    for (;;) asm volatile("");
  }
  return Pass("gone", "the leader, by itself");
}
int SleepAfterLeader(const Arguments&) {
  if (::fork() == 0) {
    ::setsid();
    for (int fd = 0; fd < 3; ++fd) ::close(fd);
    for (;;) ::pause();
  }
  return Pass("gone", "the leader, by itself");
}

constexpr Probe kEngine[] = {{"proc-write", WriteToProc},
                             {"oom-score", LowerOomScore},
                             {"orphan-storm", OrphanStorm},
                             {"burn-after-leader", BurnAfterLeader},
                             {"sleep-after-leader", SleepAfterLeader}};

}  // namespace

std::span<const Probe> Engine() { return kEngine; }

}  // namespace probe
