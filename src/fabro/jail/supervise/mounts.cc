#include "fabro/jail/supervise/mounts.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "fabro/linux/file.h"
#include "fabro/linux/process.h"

namespace fabro::jail::supervise {
namespace {

// A child that only holds a new user namespace until its maps are written and it is opened.
Result<Process> HoldUserNamespace() {
  int ready[2];
  if (::pipe2(ready, O_CLOEXEC) != 0) return SysFailure("pipe2");
  UniqueFd read_end(ready[0]);
  UniqueFd write_end(ready[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return SysFailure("fork");
  if (pid == 0) {
    const bool made = ::unshare(CLONE_NEWUSER) == 0;
    (void)!::write(write_end.get(), made ? "1" : "0", 1);
    if (made) ::pause();
    ::_exit(0);
  }
  Process child = TRY(Process::Adopt(pid));
  write_end.reset();
  char answer = 0;
  if (::read(read_end.get(), &answer, 1) != 1 || answer != '1') {
    return Failure(Code::kFailedPrecondition, "isolation: no user namespace for idmapped mounts",
                   "isolation_unavailable",
                   "allow user namespaces: sysctl user.max_user_namespaces");
  }
  return child;
}

std::string MapLine(std::uint32_t from, std::uint32_t to) {
  return std::to_string(from) + " " + std::to_string(to) + " 1\n";
}

// Root without CAP_SYS_ADMIN over its mounts, as containers have it by default, is told so.
Error MountFailure(const char* call, std::string_view name) {
  Error error = SysFailure(call, name);
  if (error.sys_errno == EPERM) {
    error.reason = "isolation_unavailable";
    error.fix =
        "run with CAP_SYS_ADMIN over the mounts: outside the container, or in one that is "
        "started with it";
  }
  return error;
}

}  // namespace

Result<UniqueFd> MakeIdmap(std::span<const IdShift> shifts) {
  std::string uids;
  std::string gids;
  for (const IdShift& shift : shifts) {
    uids += MapLine(shift.from_uid, shift.to);
    gids += MapLine(shift.from_gid, shift.to);
  }
  Process child = TRY(HoldUserNamespace());
  const std::string proc = "/proc/" + std::to_string(child.pid());
  TRY(WriteControl(proc + "/uid_map", uids));
  TRY(WriteControl(proc + "/gid_map", gids));
  return Open(proc + "/ns/user", O_RDONLY);
}

Result<UniqueFd> DetachedMount(int source, const MountWish& wish, std::string_view name) {
  const unsigned recursive = wish.recursive ? AT_RECURSIVE : 0;
  UniqueFd mount(static_cast<int>(::syscall(
      SYS_open_tree, source, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive)));
  if (!mount) return MountFailure("open_tree", name);
  mount_attr change{};
  change.attr_set = MOUNT_ATTR_NOSUID | (wish.device_node ? MOUNT_ATTR_NOEXEC : MOUNT_ATTR_NODEV);
  if (!wish.writable) change.attr_set |= MOUNT_ATTR_RDONLY;
  // A copy of a shared mount would show what the host mounts below it later.
  change.propagation = MS_PRIVATE;
  if (wish.idmap >= 0) {
    change.attr_set |= MOUNT_ATTR_IDMAP;
    change.userns_fd = static_cast<std::uint64_t>(wish.idmap);
  }
  if (::syscall(SYS_mount_setattr, mount.get(), "", AT_EMPTY_PATH | recursive, &change,
                sizeof(change)) != 0) {
    return MountFailure("mount_setattr", name);
  }
  return mount;
}

Status IdmapMount(int mount, int idmap, std::string_view name) {
  mount_attr change{};
  change.attr_set = MOUNT_ATTR_IDMAP;
  change.userns_fd = static_cast<std::uint64_t>(idmap);
  change.propagation = MS_PRIVATE;
  if (::syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH, &change, sizeof(change)) == 0) {
    return {};
  }
  return MountFailure("mount_setattr", name);
}

namespace {

Result<UniqueFd> NewMemory(const char* name) {
  UniqueFd file(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) return SysFailure("memfd_create", name);
  return file;
}

Status Seal(int file, const char* name) {
  constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  return ::fcntl(file, F_ADD_SEALS, kSeals) == 0 ? Status() : SysFailure("F_ADD_SEALS", name);
}

}  // namespace

Result<UniqueFd> SealedFile(const char* name, std::string_view text) {
  UniqueFd file = TRY(NewMemory(name));
  TRY(WriteFd(file.get(), text));
  TRY(Seal(file.get(), name));
  return file;
}

Result<UniqueFd> SealedCopy(const char* name, int source) {
  constexpr std::size_t kAtOnce = 4 << 20;
  UniqueFd file = TRY(NewMemory(name));
  for (;;) {
    const ssize_t copied = ::sendfile(file.get(), source, nullptr, kAtOnce);
    if (copied < 0 && errno != EINTR) return SysFailure("sendfile", name);
    if (copied == 0) break;
  }
  TRY(Seal(file.get(), name));
  return file;
}

}  // namespace fabro::jail::supervise
