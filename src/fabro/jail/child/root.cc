#include "fabro/jail/child/root.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

namespace fabro::jail::child {
namespace {

using wire::MountStep;

// "/a/b" and "a/b" are the same place below the new root; "" and "/" are no place at all.
const char* Relative(const char* target) {
  while (*target == '/') ++target;
  return target;
}

// Opens the directory that holds `target` and points `name` at its last component.
int OpenParent(int top, const char* target, const char** name) {
  const char* slash = std::strrchr(target, '/');
  *name = slash == nullptr ? target : slash + 1;
  if (slash == nullptr) return OpenBeneath(top, ".", O_PATH | O_DIRECTORY);
  char parent[wire::kPathMax];
  const std::size_t length = static_cast<std::size_t>(slash - target);
  std::memcpy(parent, target, length);
  parent[length] = '\0';
  return OpenBeneath(top, parent, O_PATH | O_DIRECTORY);
}

// mkdir -p: every component that is missing is made with `mode`.
int MakeDirectories(int top, const char* target, unsigned mode) {
  char prefix[wire::kPathMax] = {};
  for (const char* at = target; *at != '\0';) {
    const char* end = std::strchr(at, '/');
    const std::size_t length =
        static_cast<std::size_t>((end ? end : at + std::strlen(at)) - target);
    std::memcpy(prefix, target, length);
    prefix[length] = '\0';
    const char* name = nullptr;
    int parent = OpenParent(top, prefix, &name);
    if (parent < 0) return errno;
    int error = ErrnoOf(::mkdirat(parent, name, mode));
    CloseFd(parent);
    if (error == EEXIST) error = 0;
    int made = error == 0 ? OpenBeneath(top, prefix, O_PATH | O_DIRECTORY) : -1;
    if (error == 0 && made < 0) error = errno;
    CloseFd(made);
    if (error != 0) return error;
    at = end == nullptr ? at + std::strlen(at) : end + 1;
  }
  return 0;
}

int MakeSymlink(int top, const char* target, const char* text) {
  const char* name = nullptr;
  int parent = OpenParent(top, target, &name);
  if (parent < 0) return errno;
  const int error = ErrnoOf(::symlinkat(text, parent, name));
  CloseFd(parent);
  return error;
}

// By pread: the memfd's offset is shared with whoever filled it.
int CopyContent(int from, int to) {
  char block[4096];
  for (off_t at = 0;;) {
    const ssize_t got = ::pread(from, block, sizeof(block), at);
    if (got < 0) return errno;
    if (got == 0) return 0;
    for (ssize_t done = 0; done < got;) {
      const ssize_t put = ::write(to, block + done, static_cast<std::size_t>(got - done));
      if (put < 0) return errno;
      done += put;
    }
    at += got;
  }
}

int MakeFile(int top, const char* target, unsigned mode, int content) {
  const char* name = nullptr;
  int parent = OpenParent(top, target, &name);
  if (parent < 0) return errno;
  int file = ::openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  int error = ErrnoOf(file);
  CloseFd(parent);
  if (error == 0 && content >= 0) error = CopyContent(content, file);
  if (error == 0) error = ErrnoOf(::fchmod(file, mode));
  CloseFd(file);
  return error;
}

int AttachAt(int top, const char* target, int mount) {
  int place = OpenBeneath(top, target, O_PATH);
  if (place < 0) return errno;
  const int error = AttachMount(mount, place);
  CloseFd(place);
  return error;
}

// Remembers a mount of ours for SealRoot, which closes it.
int SealLater(Root& root, int mount, std::uint64_t flags) {
  if (root.sealed_count > static_cast<int>(wire::kMaxMounts)) {
    CloseFd(mount);
    return E2BIG;
  }
  root.sealed[root.sealed_count] = mount;
  root.seal_flags[root.sealed_count++] = flags | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID;
  return 0;
}

int MakeTmpfs(Root& root, const char* target, std::uint64_t size, unsigned mode,
              std::uint64_t seal_flags, int* mount) {
  Path bytes;
  bytes.AddNumber(size);
  char octal[8] = {};
  for (unsigned i = 0; i < 4; ++i) octal[i] = static_cast<char>('0' + ((mode >> (9 - 3 * i)) & 7));
  const FsOption options[] = {{"size", bytes.c_str()}, {"nr_inodes", "16384"}, {"mode", octal}};
  *mount = NewMount("tmpfs", options, 3, MOUNT_ATTR_NOSUID);
  if (*mount < 0) return errno;
  if (const int error = AttachAt(root.top, target, *mount); error != 0) {
    CloseFd(*mount);
    return error;
  }
  return SealLater(root, *mount, seal_flags);
}

// The six nodes arrive as detached mounts; what else a program expects are links into its /proc.
int MakeDevices(Root& root, const MountStep& step, Packet& packet) {
  static constexpr const char* kNodes[] = {"null", "zero", "full", "random", "urandom", "tty"};
  static constexpr const char* kLinks[][2] = {{"fd", "/proc/self/fd"},
                                              {"stdin", "/proc/self/fd/0"},
                                              {"stdout", "/proc/self/fd/1"},
                                              {"stderr", "/proc/self/fd/2"},
                                              {"ptmx", "pts/ptmx"}};
  int dev = -1;
  if (int error = MakeTmpfs(root, Relative(step.target), 65536, 0755, MOUNT_ATTR_NOEXEC, &dev)) {
    return error;
  }
  int index = step.fd;
  for (const char* node : kNodes) {
    About("/dev/", node);
    int device = packet.TakeFd(index++);
    if (device < 0) return EBADF;
    int error = MakeFile(dev, node, 0666, -1);
    if (error == 0) error = AttachAt(dev, node, device);
    CloseFd(device);
    if (error != 0) return error;
  }
  for (const auto& link : kLinks) {
    About("/dev/", link[0]);
    if (int error = ErrnoOf(::symlinkat(link[1], dev, link[0]))) return error;
  }
  // Mount points of a Jail: its own terminals and its own shared memory.
  static constexpr const char* kPlaces[] = {"pts", "shm"};
  for (const char* name : kPlaces) {
    About("/dev/", name);
    if (int error = ErrnoOf(::mkdirat(dev, name, 0755))) return error;
  }
  return 0;
}

// The tmpfs of covers hangs over /run as long as the root is built: copies of single files of a
// tree that is mounted nowhere can only be taken since Linux 6.15.
int MakeCoverTree(Root& root) {
  if (root.covers >= 0) return 0;
  const FsOption options[] = {{"size", "1048576"}, {"nr_inodes", "128"}, {"mode", "0700"}};
  root.covers = NewMount("tmpfs", options, 3, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  if (root.covers < 0) return errno;
  if (int error = MakeDirectories(root.top, "run", 0755)) return error;
  return AttachAt(root.top, "run", root.covers);
}

int DropCoverTree(Root& root) {
  if (root.covers < 0) return 0;
  About("/run");
  if (::fchdir(root.top) != 0) return errno;
  if (::umount2("run", MNT_DETACH | UMOUNT_NOFOLLOW) != 0) return errno;
  CloseFd(root.covers);
  return 0;
}

// What is at `target` now is the file that `name` is in the tree of covers, and nothing that came
// between (isolation 4.4).
int ProveCovered(Root& root, const char* target, const char* name) {
  struct stat wanted;
  struct stat there;
  if (::fstatat(root.covers, name, &wanted, AT_SYMLINK_NOFOLLOW) != 0) return errno;
  int place = OpenBeneath(root.top, target, O_PATH);
  if (place < 0) return errno;
  const int error = ErrnoOf(::fstat(place, &there));
  CloseFd(place);
  if (error != 0) return error;
  return there.st_dev == wanted.st_dev && there.st_ino == wanted.st_ino ? 0 : ESTALE;
}

int MakeCover(Root& root, const char* target, unsigned mode, int content) {
  if (int error = MakeCoverTree(root)) return error;
  Path name("cover-");
  name.AddNumber(static_cast<std::uint64_t>(root.cover_count++));
  if (int error = MakeFile(root.covers, name.c_str(), mode, content)) return error;
  int copy = CloneMount(root.covers, name.c_str());
  if (copy < 0) return errno;
  int error = SetMountAttributes(
      copy, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  if (error == 0) error = AttachAt(root.top, target, copy);
  CloseFd(copy);
  return error != 0 ? error : ProveCovered(root, target, name.c_str());
}

int RunMountStep(Root& root, const MountStep& step, Packet& packet) {
  const char* target = Relative(step.target);
  if (*target == '\0') return EINVAL;
  switch (static_cast<MountStep::Kind>(step.kind)) {
    case MountStep::kDirectory:
      return MakeDirectories(root.top, target, step.mode);
    case MountStep::kSymlink:
      return MakeSymlink(root.top, target, step.text);
    case MountStep::kFile:
    case MountStep::kCover: {
      int content = packet.TakeFd(step.fd);
      if (step.fd >= 0 && content < 0) return EBADF;
      const int error = step.kind == MountStep::kFile
                            ? MakeFile(root.top, target, step.mode, content)
                            : MakeCover(root, target, step.mode, content);
      CloseFd(content);
      return error;
    }
    case MountStep::kMount: {
      int mount = packet.TakeFd(step.fd);
      if (mount < 0) return EBADF;
      const int error = AttachAt(root.top, target, mount);
      CloseFd(mount);
      return error;
    }
    case MountStep::kTmpfs: {
      int mount = -1;
      return MakeTmpfs(root, target, step.size, step.mode, MOUNT_ATTR_NODEV, &mount);
    }
    case MountStep::kDevices:
      return MakeDevices(root, step, packet);
  }
  return EINVAL;
}

}  // namespace

int MakeTop(Root& root) {
  About("tmpfs of the root");
  const FsOption options[] = {{"size", "67108864"}, {"nr_inodes", "16384"}, {"mode", "0755"}};
  root.top = NewMount("tmpfs", options, 3, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  if (root.top < 0) return errno;
  // Over "/": the one directory that every host has. Our own root stays the old one until
  // pivot_root.
  int old = ::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (old < 0) return errno;
  const int error = AttachMount(root.top, old);
  CloseFd(old);
  return error;
}

int RunMountSteps(Root& root, std::uint16_t count, Packet& packet) {
  if (count > wire::kMaxMounts) return E2BIG;
  if (packet.length < sizeof(wire::BuildSlot) + count * sizeof(MountStep)) return EPROTO;
  ::umask(0);  // Modes are exact.
  for (std::uint16_t i = 0; i < count; ++i) {
    MountStep step;
    std::memcpy(&step, packet.body + sizeof(wire::BuildSlot) + i * sizeof(step), sizeof(step));
    if (!Terminated(step.target) || !Terminated(step.text)) return EPROTO;
    About(step.target);
    if (int error = RunMountStep(root, step, packet)) return error;
  }
  return DropCoverTree(root);
}

namespace {

// By a child in a namespace of the kind that the file system shows: a process is not in the pid
// namespace that it makes, and the network namespace has to be ours.
int MountFrom(Root& root, unsigned long space, const char* type, const char* target,
              const FsOption* options, std::size_t count) {
  if (int error = MakeDirectories(root.top, target, 0555)) return error;
  const long pid = ::syscall(SYS_clone, space | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (pid < 0) return errno;
  if (pid == 0) {
    const int mount =
        NewMount(type, options, count,
                 MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    ::_exit(mount < 0 ? errno : AttachAt(root.top, target, mount));
  }
  siginfo_t info = {};
  while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED) != 0) {
    if (errno != EINTR) return errno;
  }
  return info.si_code == CLD_EXITED ? info.si_status : ECHILD;
}

}  // namespace

int MountProcPlaceholder(Root& root, bool whole) {
  About("/proc");
  const FsOption options[] = {{"hidepid", "ptraceable"}, {"subset", "pid"}};
  return MountFrom(root, CLONE_NEWPID, "proc", "proc", options, whole ? 1 : 2);
}

int MountSysPlaceholder(Root& root) {
  About("/sys");
  return MountFrom(root, CLONE_NEWNET, "sysfs", "sys", nullptr, 0);
}

int EnterRoot(Root& root) {
  About("pivot_root");
  if (::fchdir(root.top) != 0) return errno;
  // pivot_root(2), "pivot_root(".", ".")": the old root ends up on top of the new one.
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return errno;
  About("old root");
  if (::umount2(".", MNT_DETACH) != 0) return errno;
  return ErrnoOf(::chdir("/"));
}

int SealRoot(Root& root) {
  if (int error = SealLater(root, root.top, MOUNT_ATTR_NODEV)) return error;
  for (int i = 0; i < root.sealed_count; ++i) {
    if (int error = SetMountAttributes(root.sealed[i], root.seal_flags[i])) return error;
    CloseFd(root.sealed[i]);
  }
  root.sealed_count = 0;
  root.top = -1;
  return 0;
}

}  // namespace fabro::jail::child
