// Rows of sections A, B, C and R that leave something behind, hold something or measure.
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "probe.h"

namespace probe {
namespace {

constexpr std::size_t kMegabyte = 1U << 20U;

[[noreturn]] void Rest() {
  for (;;) ::pause();
}

// A lock on a file that all sandboxes share: the first one has it, the next one can tell.
int FileLock(const Arguments& arguments) {
  const int fd = ::open("/usr/bin/env", O_RDONLY);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) return Pass(ErrnoWord(errno), "flock");
  const int done = Pass("locked", "/usr/bin/env");
  if (std::strcmp(arguments.At(0), "hold") == 0) Rest();
  return done;
}

int Attributes(const Arguments&) {
  const int fd = ::open("/work/attributes", O_RDWR | O_CREAT, 0600);
  if (fd < 0) return Fail(ErrnoWord(errno), "/work/attributes");
  (void)::fsetxattr(fd, "user.x", "1", 1, 0);
  if (::fsetxattr(fd, "security.capability", "x", 1, 0) == 0) return Fail("OK", "file capability");
  if (::fsetxattr(fd, "trusted.x", "1", 1, 0) == 0) return Fail("OK", "trusted attribute");
  int flags = FS_IMMUTABLE_FL;
  return MustFail(::ioctl(fd, FS_IOC_SETFLAGS, &flags), "immutable");
}

// argv: name of the call's number, "0", "1" or "r" for its arguments, who calls.
long g_call = -1;
std::uint64_t g_arguments[6];
void Call() {
  ::syscall(g_call, g_arguments[0], g_arguments[1], g_arguments[2], g_arguments[3], g_arguments[4],
            g_arguments[5]);
}
void* CallAsThread(void*) {
  Call();
  return nullptr;
}
int SetUpCall(const Arguments& arguments) {
  g_call = std::atol(arguments.At(0));
  for (int i = 0; i < 6; ++i) g_arguments[i] = std::strtoull(arguments.At(2 + i), nullptr, 16);
  if (std::strcmp(arguments.At(1), "leader") == 0) {
    Call();
  } else if (std::strcmp(arguments.At(1), "thread") == 0) {
    pthread_t thread{};
    ::pthread_create(&thread, nullptr, CallAsThread, nullptr);
    ::pthread_join(thread, nullptr);
  } else if (::fork() == 0) {
    if (::fork() == 0) {
      Call();
      ::_exit(0);
    }
    while (::wait(nullptr) > 0) {
    }
    ::_exit(0);
  } else {
    while (::wait(nullptr) > 0) {
    }
  }
  return Pass("went-on", "after the call");
}

long Denied() { return ::socket(AF_ALG, SOCK_SEQPACKET, 0); }
int DeniedFlood(const Arguments& arguments) {
  const bool spin = std::strcmp(arguments.At(0), "spin") == 0;
  for (int i = 0; i < 63; ++i) {
    if (::fork() == 0) break;
  }
  const int told = Pass("flooding", "");
  ::close(1);
  for (;;) {
    if (spin) {
      asm volatile("" ::"r"(told));
    } else {
      Denied();
    }
  }
}
int DeniedTimes(const Arguments&) {
  constexpr int kCalls = 101;
  static long nanos[kCalls];
  for (long& each : nanos) {
    timespec before{}, after{};
    ::clock_gettime(CLOCK_MONOTONIC, &before);
    if (Denied() >= 0) return Fail("OK", "socket(AF_ALG)");
    ::clock_gettime(CLOCK_MONOTONIC, &after);
    each = (after.tv_sec - before.tv_sec) * 1'000'000'000 + after.tv_nsec - before.tv_nsec;
    ::usleep(1000);
  }
  std::sort(nanos, nanos + kCalls);
  static char evidence[64];
  std::snprintf(evidence, sizeof(evidence), "%ld", nanos[kCalls / 2]);
  return Pass("refused", evidence);
}

bool SendInto(int socket, const int* fds, std::size_t count) {
  char byte = 'x';
  iovec part = {&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 8)] = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
  cmsghdr* rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int) * count);
  std::memcpy(CMSG_DATA(rights), fds, sizeof(int) * count);
  return ::sendmsg(socket, &message, MSG_DONTWAIT) == 1;
}

// Both ends in flight in each other: nobody has them, and they are there.
int SocketIntoItself(const Arguments&) {
  int made = 0;
  for (; made < 20; ++made) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return Pass(ErrnoWord(errno), "pair");
    if (!SendInto(ends[0], ends, 2)) return Fail(ErrnoWord(errno), "sendmsg");
    ::close(ends[0]);
    ::close(ends[1]);
  }
  return Pass("left", "twenty pairs in flight");
}
int FilesInFlight(const Arguments&) {
  static char block[kMegabyte];
  std::memset(block, 1, sizeof(block));
  int memory = ::memfd_create("x", 0);
  const int file = ::open("/tmp/in-flight", O_RDWR | O_CREAT, 0600);
  const int proc = ::open("/proc/self", O_RDONLY | O_DIRECTORY);
  if (memory < 0) memory = file;  // High has no memory files.
  for (int i = 0; i < 16; ++i) (void)!::write(memory, block, sizeof(block));
  int rounds = 0;
  for (; rounds < 4000; ++rounds) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) break;
    const int fds[] = {memory, file, proc, ends[0], ends[1]};
    const bool sent = SendInto(ends[0], fds, 5);
    ::close(ends[0]);
    ::close(ends[1]);
    if (!sent) break;
  }
  return Pass("left", ErrnoWord(errno));
}
int CanSendDescriptors(const Arguments&) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return Fail(ErrnoWord(errno), "pair");
  if (!SendInto(ends[0], ends, 1)) return Fail(ErrnoWord(errno), "sendmsg");
  FILE* table = std::fopen("/proc/self/net/unix", "re");
  int lines = 0;
  for (int c = 0; table != nullptr && (c = std::fgetc(table)) != EOF;) lines += c == '\n' ? 1 : 0;
  // The head and the two ends, where sockets are listed at all.
  static char evidence[32];
  std::snprintf(evidence, sizeof(evidence), "%d lines", lines);
  return lines <= 3 ? Pass("clean", evidence) : Fail("left-over", evidence);
}

char g_big[128 * kMegabyte];  // In .bss: costs nothing until it is touched.
int BigArray(const Arguments& arguments) {
  if (std::strcmp(arguments.At(0), "touch") == 0) std::memset(g_big, 1, sizeof(g_big));
  asm volatile("" ::"r"(g_big) : "memory");
  return Pass("untouched", "128 MiB of .bss");
}
int ManyNames(const Arguments&) {
  static char name[64];
  struct stat status{};
  for (int i = 0; i < 200'000; ++i) {
    std::snprintf(name, sizeof(name), "/work/no-such-name-with-some-length-%d", i);
    if (::stat(name, &status) == 0) return Fail("there", name);
  }
  return Pass("bounded", "names that are not there");
}
int VforkSleeper(const Arguments&) {
  // The parent waits in the kernel, uninterruptibly, for a child that never executes anything.
  const pid_t child = ::vfork();  // NOLINT: the point of the row.
  if (child == 0) Rest();
  return Fail("awake", "after vfork");
}
int OneByteWrites(const Arguments&) {
  for (int i = 0; i < 10'000'000; ++i) {
    if (::write(1 + i % 2, "x", 1) != 1) return 1;
  }
  return 0;
}
int AllBytes(const Arguments&) {
  unsigned char bytes[256];
  for (int i = 0; i < 256; ++i) bytes[i] = static_cast<unsigned char>(i);
  return ::write(1, bytes, sizeof(bytes)) == sizeof(bytes) ? 0 : 1;
}
int EatAndStay(const Arguments& arguments) {
  const std::size_t size = static_cast<std::size_t>(std::atol(arguments.At(0))) * kMegabyte;
  char* block = static_cast<char*>(std::malloc(size));
  std::memset(block, 1, size);
  asm volatile("" ::"r"(block) : "memory");
  if (std::strcmp(arguments.At(1), "stay") == 0) Rest();
  return Pass("eaten", "");
}
// The one that is too big is gone; who waits for it does not notice.
int EaterAndSleeper(const Arguments&) {
  if (::fork() == 0) {
    char* block = static_cast<char*>(std::malloc(128 * kMegabyte));
    std::memset(block, 1, 128 * kMegabyte);
    asm volatile("" ::"r"(block) : "memory");
    ::_exit(0);
  }
  Rest();
}
int FillCaches(const Arguments&) {
  static char block[kMegabyte];
  const int file = ::open("/tmp/cache", O_RDWR | O_CREAT, 0600);
  for (int i = 0; i < 32; ++i) (void)!::write(file, block, sizeof(block));
  ::unlink("/tmp/cache");
  for (const char* path : {"/usr/bin/env", "/bin/sh", "/usr/bin/perl"}) {
    const int each = ::open(path, O_RDONLY);
    while (each >= 0 && ::read(each, block, sizeof(block)) > 0) {
    }
  }
  return Pass("filled", "caches");
}

constexpr Probe kMore[] = {{"A32", FileLock},
                           {"A35", Attributes},
                           {"B46flood", DeniedFlood},
                           {"B46time", DeniedTimes},
                           {"B47", SetUpCall},
                           {"C13", SocketIntoItself},
                           {"C15", FilesInFlight},
                           {"C15check", CanSendDescriptors},
                           {"R3", BigArray},
                           {"R9", ManyNames},
                           {"R16", VforkSleeper},
                           {"R18", OneByteWrites},
                           {"R19", AllBytes},
                           {"R28", EatAndStay},
                           {"R2stay", EaterAndSleeper},
                           {"R29", FillCaches}};

}  // namespace

std::span<const Probe> More() { return kMore; }

}  // namespace probe
