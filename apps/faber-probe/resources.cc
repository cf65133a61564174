// Rows of section R: each takes as much as it gets.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
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

constexpr std::size_t kMegabyte = 1U << 20U;

int MemoryBomb(const Arguments&) {
  for (;;) {
    void* block = std::malloc(kMegabyte);
    if (block == nullptr) return Pass(ErrnoWord(errno), "malloc");
    std::memset(block, 1, kMegabyte);
  }
}
int ManyEaters(const Arguments&) {
  for (int i = 0; i < 8; ++i) {
    if (::fork() == 0) {
      char* block = static_cast<char*>(std::malloc(16 * kMegabyte));
      std::memset(block, 1, 16 * kMegabyte);
      asm volatile("" ::"r"(block) : "memory");  // Nobody reads it: else it may be left out.
      for (;;) ::pause();
    }
  }
  // Where the kernel kills one and not the group (v1), the first that goes tells it all.
  ::wait(nullptr);
  return Pass("ended", "one of them at least");
}
int FillFiles(const Arguments& arguments) {
  static char block[kMegabyte];
  std::memset(block, 1, sizeof(block));
  static char evidence[64];
  long written = 0;
  int error = 0;
  for (const char* path : {"/work/fill", "/tmp/fill", "/dev/shm/fill"}) {
    const int fd = ::open(path, O_WRONLY | O_CREAT, 0600);
    ssize_t put = 0;
    while ((put = ::write(fd, block, sizeof(block))) > 0) written += put;
    error = errno;
  }
  std::snprintf(evidence, sizeof(evidence), "%ld bytes", written);
  const long most = std::atol(arguments.At(0));
  return written <= most ? Pass(ErrnoWord(error), evidence) : Fail("over", evidence);
}
int MemoryFiles(const Arguments&) {
  static char block[kMegabyte];
  std::memset(block, 1, sizeof(block));
  for (;;) {
    const int fd = ::memfd_create("x", 0);
    if (fd < 0) return Pass(ErrnoWord(errno), "memfd_create");
    for (int i = 0; i < 64; ++i) {
      if (::write(fd, block, sizeof(block)) < 0) return Pass(ErrnoWord(errno), "memfd");
    }
  }
}
int ForkBomb(const Arguments&) {
  int refused = 0;
  for (int i = 0; i < 100'000 && refused < 100; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (;;) ::pause();
    }
    if (child < 0) {
      if (errno != EAGAIN) return Fail(ErrnoWord(errno), "fork");
      ++refused;
    }
  }
  return refused == 100 ? Pass("EAGAIN", "fork") : Fail("unbounded", "fork");
}
int RefillingBomb(const Arguments&) {
  for (int signal = 1; signal < 32; ++signal) ::signal(signal, SIG_IGN);
  for (;;) {
    if (::fork() == 0) ::setsid();
  }
}
void* Sleep(void*) {
  for (;;) ::pause();
}
int ThreadBomb(const Arguments&) {
  for (int i = 0; i < 100'000; ++i) {
    pthread_t thread{};
    const int error = ::pthread_create(&thread, nullptr, Sleep, nullptr);
    if (error != 0) return Pass(ErrnoWord(error), "thread");
  }
  return Fail("unbounded", "threads");
}
int Burn(const Arguments&) {
  for (;;) asm volatile("");  // A loop without effect may be left out by the compiler.
}
// Escapes its process group and session, then burns.
int BurnDetached(const Arguments&) {
  if (::fork() == 0) {
    ::setsid();
    if (::fork() == 0) {
      for (int fd = 0; fd < 3; ++fd) ::close(fd);
      Burn({});
    }
    ::_exit(0);
  }
  for (;;) ::pause();
}
int Flood(const Arguments&) {
  static char block[65536];
  std::memset(block, 'y', sizeof(block));
  for (;;) {
    if (::write(1, block, sizeof(block)) < 0) return 1;
  }
}
int Descriptors(const Arguments& arguments) {
  int opened = 3;
  while (::open("/dev/null", O_RDONLY) >= 0) ++opened;
  static char evidence[32];
  std::snprintf(evidence, sizeof(evidence), "%d", opened);
  return errno == EMFILE && opened == std::atoi(arguments.At(0)) ? Pass("EMFILE", evidence)
                                                                 : Fail(ErrnoWord(errno), evidence);
}
int Inodes(const Arguments&) {
  char name[64];
  for (int i = 0; i < 1'000'000; ++i) {
    std::snprintf(name, sizeof(name), "/work/%d", i);
    const int fd = ::open(name, O_WRONLY | O_CREAT, 0600);
    if (fd < 0) return Pass(ErrnoWord(errno), name);
    ::close(fd);
  }
  return Fail("unbounded", "inodes");
}
int Sparse(const Arguments&) {
  ::signal(SIGXFSZ, SIG_IGN);
  const int fd = ::open("/work/sparse", O_WRONLY | O_CREAT, 0600);
  return MustFail(::ftruncate(fd, 1L << 50U), "1 PiB file");
}
int Timers(const Arguments&) {
  for (int i = 0; i < 1'000'000; ++i) {
    sigevent event = {};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGUSR1;
    timer_t timer{};
    if (::timer_create(CLOCK_MONOTONIC, &event, &timer) != 0)
      return Pass(ErrnoWord(errno), "timers");
  }
  return Fail("unbounded", "timers");
}
int SyncStorm(const Arguments&) {
  for (int i = 0; i < 1000; ++i) ::sync();
  return Pass("pretended", "1000 x sync");
}

constexpr Probe kResources[] = {{"R1", MemoryBomb},     {"R2", ManyEaters}, {"R4", FillFiles},
                                {"R5", MemoryFiles},    {"R10", ForkBomb},  {"R11", ThreadBomb},
                                {"R12", RefillingBomb}, {"R13", Burn},      {"R17", Flood},
                                {"R21", Descriptors},   {"R22", Inodes},    {"R23", Sparse},
                                {"R24", Timers},        {"R26", SyncStorm}, {"R31", BurnDetached}};

}  // namespace

std::span<const Probe> Resources() { return kResources; }

}  // namespace probe
