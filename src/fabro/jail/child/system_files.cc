#include "fabro/jail/child/system_files.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fabro/jail/child/sys.h"

namespace fabro::jail::child {
namespace {

constexpr unsigned kFlags = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

// Of the machine: its devices, memory, keys, log, symbols and knobs.
constexpr const char* kOfProc[] = {
    "/proc/acpi",         "/proc/asound",      "/proc/bus",           "/proc/fs",
    "/proc/interrupts",   "/proc/irq",         "/proc/kallsyms",      "/proc/kcore",
    "/proc/key-users",    "/proc/keys",        "/proc/kmsg",          "/proc/kpagecgroup",
    "/proc/kpagecount",   "/proc/kpageflags",  "/proc/latency_stats", "/proc/modules",
    "/proc/pagetypeinfo", "/proc/sched_debug", "/proc/schedstat",     "/proc/scsi",
    "/proc/slabinfo",     "/proc/softirqs",    "/proc/sys",           "/proc/sysrq-trigger",
    "/proc/timer_list",   "/proc/timer_stats", "/proc/vmallocinfo",   "/proc/vmstat"};
constexpr const char* kOfSys[] = {"/sys/devices/virtual/powercap",
                                  "/sys/firmware",
                                  "/sys/fs/bpf",
                                  "/sys/fs/cgroup",
                                  "/sys/fs/selinux",
                                  "/sys/kernel/debug",
                                  "/sys/kernel/security",
                                  "/sys/kernel/tracing"};

int AttachAtPath(int mount, const char* path) {
  int place = ::open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (place < 0) return errno;
  const int error = AttachMount(mount, place);
  CloseFd(place);
  return error;
}

bool SameObject(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// Puts a copy of the cover's mount on what `place` is open on.
int CoverPlace(const Covers& covers, int place) {
  struct stat status = {};
  if (::fstat(place, &status) != 0) return errno;
  int copy = CloneMount(S_ISDIR(status.st_mode) ? covers.directory : covers.file, "");
  if (copy < 0) return errno;
  const int error = AttachMount(copy, place);
  CloseFd(copy);
  return error;
}

// What is not there needs no cover: kernels differ.
int Cover(const Covers& covers, const char* path) {
  About(path);
  constexpr int kOpen = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  int place = ::open(path, kOpen);
  if (place < 0) return errno == ENOENT ? 0 : errno;
  int error = CoverPlace(covers, place);
  CloseFd(place);
  if (error != 0) return error;
  // What the name leads to now is our own object, whatever was raced for meanwhile.
  place = ::open(path, kOpen);
  if (place < 0) return errno;
  struct stat now = {};
  struct stat directory = {};
  struct stat file = {};
  if (::fstat(place, &now) != 0 || ::fstat(covers.directory, &directory) != 0 ||
      ::fstat(covers.file, &file) != 0) {
    error = errno;
  } else if (!SameObject(now, directory) && !SameObject(now, file)) {
    error = EXDEV;
  }
  CloseFd(place);
  return error;
}

}  // namespace

int MakeCovers(Covers& covers) {
  About("covers of /proc and /sys");
  const FsOption options[] = {{"size", "4096"}, {"nr_inodes", "4"}, {"mode", "0555"}};
  int mount = NewMount("tmpfs", options, 3, kFlags);
  if (mount < 0) return errno;
  int error = ErrnoOf(::mkdirat(mount, "directory", 0555));
  int file =
      error == 0 ? ::openat(mount, "file", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444) : -1;
  if (error == 0) error = ErrnoOf(file);
  CloseFd(file);
  if (error == 0) error = SetMountAttributes(mount, kFlags | MOUNT_ATTR_RDONLY);
  // Copies can be taken of what is mounted somewhere (before Linux 6.15 of nothing else).
  if (error == 0) error = AttachAtPath(mount, "/proc");
  if (error == 0) {
    covers.directory = ::openat(mount, "directory", O_PATH | O_DIRECTORY | O_CLOEXEC);
    covers.file = ::openat(mount, "file", O_PATH | O_CLOEXEC);
    if (covers.directory < 0 || covers.file < 0) error = errno;
  }
  CloseFd(mount);
  return error;
}

int CoverProc(const Covers& covers) {
  for (const char* path : kOfProc) {
    if (const int error = Cover(covers, path); error != 0) return error;
  }
  return 0;
}

int MountSys(const Covers& covers) {
  About("/sys");
  int mount = NewMount("sysfs", nullptr, 0, kFlags | MOUNT_ATTR_RDONLY);
  if (mount < 0) return errno;
  const int error = AttachAtPath(mount, "/sys");
  CloseFd(mount);
  if (error != 0) return error;
  for (const char* path : kOfSys) {
    if (const int covered = Cover(covers, path); covered != 0) return covered;
  }
  return 0;
}

void CloseCovers(Covers& covers) {
  CloseFd(covers.directory);
  CloseFd(covers.file);
}

}  // namespace fabro::jail::child
