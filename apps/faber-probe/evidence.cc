// What the kernel says about the process that asks: one line "key value" a fact, no judgement. Of
// `faber selftest` and `faber run --require`, which compare it with the host.
#include <dirent.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "probe.h"

namespace probe {
namespace {

void Say(const char* key, const char* value) { std::printf("%s %s\n", key, value); }

// The file on one line: line ends become ';', runs of blanks one.
void SayFile(const char* key, const char* path) {
  static char text[16384];
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  const ssize_t length = fd < 0 ? -1 : ::read(fd, text, sizeof(text) - 1);
  if (length < 0) {
    Say(key, ErrnoWord(errno));
    return;
  }
  ::close(fd);
  static char line[16384];
  std::size_t end = 0;
  for (ssize_t i = 0; i < length; ++i) {
    char c = text[i] == '\t' ? ' ' : text[i];
    if (c == '\n') c = ';';
    if (c == ' ' && (end == 0 || line[end - 1] == ' ' || line[end - 1] == ';')) continue;
    line[end++] = c;
  }
  line[end] = '\0';
  Say(key, line);
}

void SayNamespaces() {
  for (const char* kind : {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"}) {
    char path[64];
    char key[32];
    char link[64] = {};
    std::snprintf(path, sizeof(path), "/proc/self/ns/%s", kind);
    std::snprintf(key, sizeof(key), "ns.%s", kind);
    Say(key, ::readlink(path, link, sizeof(link) - 1) < 0 ? ErrnoWord(errno) : link);
  }
}

void SayStatus() {
  std::FILE* file = std::fopen("/proc/self/status", "re");
  char line[512];
  while (file != nullptr && std::fgets(line, sizeof(line), file) != nullptr) {
    for (const char* name : {"Uid:", "Groups:", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:",
                             "CapAmb:", "NoNewPrivs:", "Seccomp:"}) {
      const std::size_t length = std::strlen(name);
      if (std::strncmp(line, name, length) != 0) continue;
      line[std::strcspn(line, "\n")] = '\0';
      for (char& c : line) c = c == '\t' ? ' ' : c;
      const char* value = line + length;
      std::printf("status.%.*s %s\n", static_cast<int>(length - 1), name,
                  value + std::strspn(value, " "));
    }
  }
  if (file != nullptr) (void)std::fclose(file);
}

// Mounts that would tell others, or be told, of a change.
void SayPropagation() {
  std::FILE* file = std::fopen("/proc/self/mountinfo", "re");
  static char line[8192];
  int all = 0;
  int tied = 0;
  while (file != nullptr && std::fgets(line, sizeof(line), file) != nullptr) {
    ++all;
    if (std::strstr(line, " shared:") != nullptr || std::strstr(line, " master:") != nullptr) {
      ++tied;
    }
  }
  if (file != nullptr) (void)std::fclose(file);
  std::printf("mounts %d\nmounts.tied %d\n", all, tied);
}

void SayOpen(const char* key, const char* path, int flags) {
  const int fd = ::open(path, flags | O_CLOEXEC, 0600);
  Say(key, fd < 0 ? ErrnoWord(errno) : "OK");
  if (fd >= 0) ::close(fd);
}

// Level low covers files with empty ones.
void SayRead(const char* key, const char* path) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  char byte = 0;
  const ssize_t got = fd < 0 ? -1 : ::read(fd, &byte, 1);
  Say(key, got < 0 ? ErrnoWord(errno) : got == 0 ? "EMPTY" : "OK");
  if (fd >= 0) ::close(fd);
}

void SayProcesses() {
  DIR* proc = ::opendir("/proc");
  int count = 0;
  while (const dirent* entry = proc == nullptr ? nullptr : ::readdir(proc)) {
    if (std::strspn(entry->d_name, "0123456789") == std::strlen(entry->d_name)) ++count;
  }
  if (proc != nullptr) ::closedir(proc);
  std::printf("proc.processes %d\n", count);
}

int Evidence(const Arguments& arguments) {
  SayNamespaces();
  SayFile("uid_map", "/proc/self/uid_map");
  SayFile("gid_map", "/proc/self/gid_map");
  SayFile("setgroups", "/proc/self/setgroups");
  SayStatus();
  SayFile("cgroup", "/proc/self/cgroup");
  SayFile("timens_offsets", "/proc/self/timens_offsets");
  timespec boot{};
  ::clock_gettime(CLOCK_BOOTTIME, &boot);
  std::printf("boottime %ld\n", static_cast<long>(boot.tv_sec));
  SayPropagation();
  SayOpen("canary", "/run/landlock-canary", O_RDONLY);
  SayOpen("write.root", "/faber-selftest", O_CREAT | O_WRONLY);
  SayOpen("write.usr", "/usr/faber-selftest", O_CREAT | O_WRONLY);
  SayRead("proc.kcore", "/proc/kcore");
  SayOpen("proc.sysrq", "/proc/sysrq-trigger", O_WRONLY);
  SayOpen("proc.core_pattern", "/proc/sys/kernel/core_pattern", O_WRONLY);
  SayOpen("sys.cgroup", "/sys/fs/cgroup/cgroup.procs", O_RDONLY);
  SayProcesses();
  SayFile("net.dev", "/proc/self/net/dev");
  struct statvfs space{};
  if (::statvfs(arguments.At(0), &space) == 0) {
    std::printf("workspace.bytes %llu\n",
                static_cast<unsigned long long>(space.f_blocks) * space.f_frsize);
  }
  return 0;
}

constexpr Probe kEvidences[] = {{"evidence", Evidence}};

}  // namespace

std::span<const Probe> Evidences() { return kEvidences; }

}  // namespace probe
