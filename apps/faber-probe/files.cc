// Rows of section A that look at files.
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "probe.h"

namespace probe {
namespace {

// All of the paths must be refused with one of the words.
int AllRefused(std::span<const char* const> paths, int flags, std::span<const int> allowed) {
  static char evidence[512];
  const char* word = "none";
  for (const char* path : paths) {
    const int fd = ::open(path, flags, 0600);
    const int error = errno;
    std::snprintf(evidence, sizeof(evidence), "%s", path);
    if (fd >= 0) return Fail("OK", evidence);
    bool known = false;
    for (const int each : allowed) known = known || each == error;
    if (!known) return Fail(ErrnoWord(error), evidence);
    word = ErrnoWord(error);
  }
  return Pass(word, evidence);
}

int HostMarkers(const Arguments& arguments) {
  constexpr int kAllowed[] = {ENOENT};
  return AllRefused({arguments.values, static_cast<std::size_t>(arguments.count)}, O_RDONLY,
                    kAllowed);
}
int AboveRoot(const Arguments&) {
  constexpr const char* kPaths[] = {"../../../../../../etc/shadow", "/../../../../etc/shadow",
                                    "/proc/self/root/../../etc/shadow"};
  constexpr int kAllowed[] = {ENOENT};
  return AllRefused(kPaths, O_RDONLY, kAllowed);
}
int WriteToRoot(const Arguments&) {
  constexpr const char* kPaths[] = {"/usr/x", "/x", "/etc/x", "/dev/x", "/sys/x", "/etc/passwd"};
  constexpr int kAllowed[] = {EROFS, EACCES};
  return AllRefused(kPaths, O_CREAT | O_WRONLY, kAllowed);
}
int RootOfInit(const Arguments&) {
  constexpr const char* kPaths[] = {"/proc/1/root", "/proc/1/environ", "/proc/1/mem", "/proc/1/fd",
                                    "/proc/1/cwd",  "/proc/1/exe",     "/proc/1/maps"};
  constexpr int kAllowed[] = {EACCES, EPERM, ENOENT};
  return AllRefused(kPaths, O_RDONLY, kAllowed);
}
int OwnProgram(const Arguments&) {
  constexpr const char* kPaths[] = {"/proc/1/exe", "/proc/self/exe"};
  constexpr int kAllowed[] = {EACCES, EPERM, ENOENT, ETXTBSY, EROFS};
  return AllRefused(kPaths, O_RDWR, kAllowed);
}
int Devices(const Arguments&) {
  constexpr const char* kPaths[] = {"/dev/loop-control", "/dev/fuse",        "/dev/kvm",
                                    "/dev/mem",          "/dev/kmsg",        "/dev/net/tun",
                                    "/dev/vhost-net",    "/dev/dri",         "/dev/sda",
                                    "/dev/console",      "/dev/userfaultfd", "/dev/port"};
  constexpr int kAllowed[] = {ENOENT};
  return AllRefused(kPaths, O_RDONLY, kAllowed);
}
int MaskedProc(const Arguments&) {
  constexpr const char* kPaths[] = {"/proc/kcore",       "/proc/keys",       "/proc/kallsyms",
                                    "/proc/sched_debug", "/proc/timer_list", "/proc/sysrq-trigger",
                                    "/proc/kmsg",        "/proc/slabinfo",   "/proc/modules",
                                    "/proc/interrupts"};
  constexpr int kAllowed[] = {ENOENT};
  return AllRefused(kPaths, O_RDONLY, kAllowed);
}
int Sysctls(const Arguments&) {
  constexpr const char* kPaths[] = {"/proc/sys/kernel/core_pattern",
                                    "/proc/sys/user/max_user_namespaces"};
  constexpr int kAllowed[] = {ENOENT};
  return AllRefused(kPaths, O_WRONLY, kAllowed);
}
int Sysfs(const Arguments&) {
  constexpr const char* kPaths[] = {"/sys/kernel/uevent_helper", "/sys/power/state",
                                    "/sys/fs/cgroup"};
  constexpr int kAllowed[] = {ENOENT};
  return AllRefused(kPaths, O_RDONLY, kAllowed);
}
int HostSockets(const Arguments&) {
  constexpr const char* kPaths[] = {"/run/docker.sock", "/var/run/docker.sock",
                                    "/var/run/nscd/socket", "/run/faber", "/run/systemd"};
  constexpr int kAllowed[] = {ENOENT};
  return AllRefused(kPaths, O_PATH, kAllowed);
}

// Only 0, 1 and 2; the directory stream that looks is the fourth.
int Descriptors(const Arguments&) {
  static char evidence[64];
  for (int fd = 3; fd < 65536; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0) continue;
    std::snprintf(evidence, sizeof(evidence), "descriptor %d is open", fd);
    return Fail("leak", evidence);
  }
  for (int fd = 0; fd < 3; ++fd) {
    struct stat status{};
    if (::fstat(fd, &status) != 0) return Fail("closed", "a standard stream");
    if (!S_ISFIFO(status.st_mode) && !S_ISCHR(status.st_mode)) return Fail("kind", "of a stream");
  }
  return Pass("3", "descriptors");
}
int LinkAcross(const Arguments&) { return MustFail(::link("/etc/passwd", "/work/p"), "link"); }

int CopySelf(const char* to, unsigned mode) {
  const int from = ::open("/proc/self/exe", O_RDONLY);
  const int copy = ::open(to, O_WRONLY | O_CREAT | O_TRUNC, 0700);
  if (from < 0 || copy < 0) return -1;
  static char block[65536];
  for (ssize_t got = 0; (got = ::read(from, block, sizeof(block))) > 0;) {
    if (::write(copy, block, static_cast<std::size_t>(got)) != got) return -1;
  }
  const int done = ::fchmod(copy, mode);
  ::close(from);
  ::close(copy);
  return done;
}
int SetIdBinary(const Arguments& arguments) {
  if (arguments.count == 0) {
    if (CopySelf("/work/setid", 06755) != 0) return Pass(ErrnoWord(errno), "no set-id file at all");
    ::execl("/work/setid", "setid", "A17", "again", nullptr);
    return Fail(ErrnoWord(errno), "exec of the copy");
  }
  uid_t real = 0, effective = 0, saved = 0;
  ::getresuid(&real, &effective, &saved);
  if (real != effective || real != saved || real == 0) return Fail("uid", "changed");
  FILE* status = std::fopen("/proc/self/status", "re");
  static char line[256];
  while (status != nullptr && std::fgets(line, sizeof(line), status) != nullptr) {
    if (std::strncmp(line, "CapEff:", 7) == 0 && std::strtoull(line + 7, nullptr, 16) != 0) {
      return Fail("CapEff", line);
    }
  }
  return Pass("same-uid", "no capability");
}

// CVE-2022-0847: a pipe buffer that still counts as mergeable takes a write into the page cache.
int DirtyPipe(const Arguments&) {
  int ends[2];
  if (::pipe(ends) != 0) return Fail(ErrnoWord(errno), "pipe");
  static char block[4096];
  for (int i = 0; i < 16; ++i) (void)!::write(ends[1], block, sizeof(block));
  for (int i = 0; i < 16; ++i) (void)!::read(ends[0], block, sizeof(block));
  const int file = ::open("/etc/hostname", O_RDONLY);
  char before[8] = {}, after[8] = {};
  (void)!::pread(file, before, sizeof(before), 0);
  loff_t offset = 0;
  if (::splice(file, &offset, ends[1], nullptr, 1, 0) < 0) return Pass(ErrnoWord(errno), "splice");
  (void)!::write(ends[1], "XXXX", 4);
  (void)!::pread(file, after, sizeof(after), 0);
  if (std::memcmp(before, after, sizeof(before)) != 0) return Fail("changed", "page cache");
  return Pass("unchanged", "page cache");
}
int Residency(const Arguments&) {
  unsigned char pages[1] = {};
  void* memory = ::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (::mincore(memory, 4096, pages) != 0) return Pass(ErrnoWord(errno), "mincore");
  return Pass("own", "mapping");
}
int SharedMemoryFile(const Arguments& arguments) {
  if (std::strcmp(arguments.At(0), "write") == 0) {
    const int fd = ::open("/dev/shm/x", O_WRONLY | O_CREAT, 0666);
    return fd < 0 ? Fail(ErrnoWord(errno), "creating") : Pass("made", "/dev/shm/x");
  }
  return MustFail(::open("/dev/shm/x", O_RDONLY), "/dev/shm/x of the other");
}
int DeepTree(const Arguments&) {
  char name[256];
  std::memset(name, 'd', 200);
  name[200] = '\0';
  static char evidence[64];
  int depth = 0;
  if (::chdir("/work") != 0) return Fail(ErrnoWord(errno), "/work");
  for (; depth < 100'000; ++depth) {
    if (::mkdir(name, 0755) != 0 || ::chdir(name) != 0) break;
  }
  std::snprintf(evidence, sizeof(evidence), "%s at depth %d", ErrnoWord(errno), depth);
  return depth < 100'000 ? Pass("bounded", evidence) : Fail("unbounded", evidence);
}

// Leaves everything behind that could trouble whoever looks at, or removes, a disk workspace.
int HostileWorkspace(const Arguments&) {
  (void)CopySelf("/work/setid", 06755);
  (void)::mknod("/work/device", S_IFCHR | 0666, 0x101);
  (void)::mknod("/work/fifo", S_IFIFO | 0666, 0);
  (void)!::symlink("/etc/shadow", "/work/shadow");
  (void)!::symlink("../../../../../../etc", "/work/up");
  (void)::mkdir("/work/closed", 0);
  char name[32];
  (void)::mkdir("/work/many", 0700);
  for (int i = 0; i < 2000; ++i) {
    std::snprintf(name, sizeof(name), "/work/many/%d", i);
    ::close(::open(name, O_WRONLY | O_CREAT, 0600));
  }
  struct stat status{};
  if (::lstat("/work/device", &status) == 0) return Fail("device", "made");
  return Pass("left", "a hostile tree");
}

constexpr Probe kFiles[] = {
    {"A1", HostMarkers}, {"A2", AboveRoot},         {"A3", WriteToRoot},
    {"A8", RootOfInit},  {"A9", OwnProgram},        {"A10", Descriptors},
    {"A16", LinkAcross}, {"A17", SetIdBinary},      {"A19", Devices},
    {"A20", MaskedProc}, {"A21", Sysctls},          {"A22", Sysfs},
    {"A28", DirtyPipe},  {"A33", Residency},        {"A34", SharedMemoryFile},
    {"A36", DeepTree},   {"A40", HostileWorkspace}, {"C2", HostSockets}};

}  // namespace

std::span<const Probe> Files() { return kFiles; }

}  // namespace probe
