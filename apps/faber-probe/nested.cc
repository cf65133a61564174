// Attacks of level low alone, where a guest may make user namespaces of its own and has every
// capability in them, and where /proc and /sys are whole.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "probe.h"

namespace probe {
namespace {

bool WriteText(const char* path, const char* text) {
  const int file = ::open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  const bool written = ::write(file, text, std::strlen(text)) > 0;
  ::close(file);
  return written;
}

// Root of a user namespace of its own, with a mount, network and pid namespace to go with it.
const char* BecomeNestedRoot() {
  const uid_t uid = ::getuid();
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWCGROUP) != 0) {
    return "unshare";
  }
  static char map[32];
  std::snprintf(map, sizeof(map), "0 %u 1", uid);
  if (!WriteText("/proc/self/uid_map", map)) return "uid_map";
  return ::geteuid() == 0 ? nullptr : "not root";
}

// A name that was covered must stay so, whatever root inside takes away or puts on top of it.
bool IsEmpty(const char* path) {
  char byte = 0;
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return true;
  const ssize_t got = ::read(file, &byte, 1);
  ::close(file);
  return got <= 0;
}

int NestedWorks(const Arguments&) {
  if (const char* step = BecomeNestedRoot()) return Fail(ErrnoWord(errno), step);
  if (::mount("none", "/tmp", "tmpfs", 0, nullptr) != 0) return Fail(ErrnoWord(errno), "tmpfs");
  return Pass("works", "a user namespace with a tmpfs of its own");
}

// A fresh instance would show what the covers hide (mount_too_revealing, fs/namespace.c).
int NestedProc(const Arguments&) {
  if (const char* step = BecomeNestedRoot()) return Fail(ErrnoWord(errno), step);
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(::mount("proc", "/tmp", "proc", 0, nullptr) == 0 ? 0 : errno);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  const int error = WEXITSTATUS(status);
  return error == 0 ? Fail("OK", "a procfs without covers") : Pass(ErrnoWord(error), "procfs");
}
int NestedSys(const Arguments&) {
  if (const char* step = BecomeNestedRoot()) return Fail(ErrnoWord(errno), step);
  return MustFail(::mount("sysfs", "/tmp", "sysfs", 0, nullptr), "a sysfs without covers");
}

int NestedUncover(const Arguments&) {
  constexpr const char* kPaths[] = {"/proc/sys",     "/proc/kallsyms", "/proc/keys",
                                    "/sys/firmware", "/proc",          "/sys"};
  if (const char* step = BecomeNestedRoot()) return Fail(ErrnoWord(errno), step);
  for (const char* path : kPaths) {
    if (::umount2(path, 0) == 0 || ::umount2(path, MNT_DETACH) == 0) return Fail("OK", path);
  }
  return Pass(ErrnoWord(errno), "umount of what others mounted");
}

int NestedRemount(const Arguments&) {
  constexpr const char* kPaths[] = {"/", "/usr", "/sys", "/proc/sys", "/dev"};
  if (const char* step = BecomeNestedRoot()) return Fail(ErrnoWord(errno), step);
  for (const char* path : kPaths) {
    if (::mount(nullptr, path, nullptr, MS_REMOUNT | MS_BIND, nullptr) == 0)
      return Fail("OK", path);
  }
  return Pass(ErrnoWord(errno), "remount without nosuid and read-only");
}

int NestedInit(const Arguments&) {
  if (const char* step = BecomeNestedRoot()) return Fail(ErrnoWord(errno), step);
  if (::kill(1, SIGKILL) == 0) return Fail("OK", "kill init");
  if (::ptrace(PTRACE_ATTACH, 1, nullptr, nullptr) == 0) return Fail("OK", "trace init");
  return MustFail(::open("/proc/1/mem", O_RDWR | O_CLOEXEC), "memory of init");
}

int NestedDevice(const Arguments&) {
  if (const char* step = BecomeNestedRoot()) return Fail(ErrnoWord(errno), step);
  return MustFail(::mknod("/tmp/sda", S_IFBLK | 0600, makedev(8, 0)), "a block device");
}

int NestedCgroup(const Arguments&) {
  if (const char* step = BecomeNestedRoot()) return Fail(ErrnoWord(errno), step);
  if (::mount("none", "/tmp", "cgroup2", 0, nullptr) != 0) return Pass(ErrnoWord(errno), "cgroup2");
  constexpr const char* kFiles[] = {"/tmp/cgroup.procs", "/tmp/cgroup.kill", "/tmp/memory.max",
                                    "/tmp/pids.max",     "/tmp/cpu.max",     "/tmp/cgroup.freeze"};
  for (const char* file : kFiles) {
    if (WriteText(file, "1")) return Fail("OK", file);
  }
  return ::mkdir("/tmp/inner", 0755) == 0 ? Fail("OK", "a group of its own")
                                          : Pass("readable", "but nothing can be written");
}

int Covered(const Arguments&) {
  constexpr const char* kFiles[] = {"/proc/kcore",
                                    "/proc/keys",
                                    "/proc/kallsyms",
                                    "/proc/sched_debug",
                                    "/proc/timer_list",
                                    "/proc/kmsg",
                                    "/proc/slabinfo",
                                    "/proc/modules",
                                    "/proc/interrupts",
                                    "/proc/sysrq-trigger",
                                    "/proc/vmallocinfo",
                                    "/proc/sys/kernel/osrelease",
                                    "/sys/firmware/dmi/tables/DMI",
                                    "/sys/kernel/debug/x"};
  for (const char* file : kFiles) {
    if (!IsEmpty(file)) return Fail("readable", file);
  }
  return IsEmpty("/proc/meminfo") ? Fail("empty", "/proc/meminfo") : Pass("covered", "all");
}

int WriteKnobs(const Arguments&) {
  constexpr const char* kFiles[] = {"/sys/kernel/uevent_helper",
                                    "/sys/power/state",
                                    "/sys/kernel/mm/ksm/run",
                                    "/sys/module/printk/parameters/time",
                                    "/proc/sysrq-trigger",
                                    "/proc/sys/kernel/core_pattern",
                                    "/proc/mtrr",
                                    "/proc/sys/user/max_user_namespaces"};
  for (const char* file : kFiles) {
    if (::open(file, O_WRONLY | O_CLOEXEC) >= 0) return Fail("OK", file);
  }
  return Pass("none", "can be opened for writing");
}

int OwnDevices(const Arguments&) {
  return ::access("/sys/class/net/lo", F_OK) == 0 && ::access("/sys/class/net/eth0", F_OK) != 0
             ? Pass("own", "network devices")
             : Fail("others", "network devices");
}

constexpr Probe kNested[] = {{"L1", NestedWorks},   {"L2", NestedProc},    {"L3", NestedSys},
                             {"L4", NestedUncover}, {"L5", NestedRemount}, {"L6", NestedInit},
                             {"L7", NestedDevice},  {"L8", NestedCgroup},  {"L9", Covered},
                             {"L10", WriteKnobs},   {"L11", OwnDevices}};

}  // namespace

std::span<const Probe> Nested() { return kNested; }

}  // namespace probe
