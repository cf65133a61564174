#include "fabro/jail/supervise/disk_limit.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <linux/mount.h>
#include <linux/quota.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <limits>

#include "fabro/linux/file.h"

#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif

namespace fabro::jail::supervise {
namespace {

using std::chrono::steady_clock;

constexpr auto kEarlierUserMayEnd = std::chrono::seconds(2);
constexpr int kLookAgainMs = 5;
constexpr int kAttempts = 32;  // Other programs take free loop devices, too.

Error Unenforceable(const std::string& what, std::string fix) {
  return Failure(Code::kFailedPrecondition, "workspace (--workspace disk:DIR): " + what,
                 "disk_unenforceable", std::move(fix));
}

// Whether the loop device has that file below it.
bool HasFile(const std::string& device, const struct stat& image) {
  const auto loop = Open("/dev/" + device, O_RDONLY | O_NONBLOCK);
  loop_info64 info{};
  if (!loop.ok() || ::ioctl(loop->get(), LOOP_GET_STATUS64, &info) != 0) return false;
  // The kernel writes the device number in its own, "huge" encoding (loop_get_status).
  const bool same_device = info.lo_device == image.st_dev ||
                           (static_cast<unsigned>(info.lo_device >> 8U) == major(image.st_dev) &&
                            (info.lo_device & 0xff) == minor(image.st_dev));
  return same_device && info.lo_inode == image.st_ino;
}

Result<bool> IsAttached(const struct stat& image) {
  const DirFd block = TRY(OpenDir("/sys/block"));
  const std::vector<std::string> names = TRY(ListDir(block.get()));
  for (const std::string& name : names) {
    if (!name.starts_with("loop")) continue;
    const std::string backing = name + "/loop";
    struct stat there{};
    if (::fstatat(block.get(), backing.c_str(), &there, 0) != 0) continue;  // Free.
    if (HasFile(name, image)) return true;
  }
  return false;
}

Status WaitForEarlierUser(const struct stat& image, const std::string& path) {
  const auto limit = steady_clock::now() + kEarlierUserMayEnd;
  for (;;) {
    const bool attached = TRY(IsAttached(image));
    if (!attached) return {};
    if (steady_clock::now() >= limit) {
      return Failure(Code::kFailedPrecondition,
                     "workspace (--workspace disk:DIR): " + path + " is attached to a loop device",
                     "workspace_refused", "end its user (losetup -j shows it), or losetup -d it");
    }
    ::poll(nullptr, 0, kLookAgainMs);
  }
}

struct Loop {
  UniqueFd fd;  // Held until the mount has it: autoclear waits for the last user.
  std::string device;
};

Result<Loop> AttachLoop(int image, const std::string& path) {
  const auto control = Open("/dev/loop-control", O_RDWR);
  if (!control.ok()) {
    return Unenforceable("no loop devices for its byte limit (" + control.error().ToString() + ")",
                         "modprobe loop, use --workspace memory, or a file system with project "
                         "quotas");
  }
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const int number = ::ioctl(control->get(), LOOP_CTL_GET_FREE);
    if (number < 0) return SysFailure("LOOP_CTL_GET_FREE");
    Loop loop;
    loop.device = "/dev/loop" + std::to_string(number);
    loop.fd = TRY(Open(loop.device, O_RDWR));
    loop_config config{};
    config.fd = static_cast<std::uint32_t>(image);
    config.block_size = 0;
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (::ioctl(loop.fd.get(), LOOP_CONFIGURE, &config) == 0) return loop;
    if (errno != EBUSY) return SysFailure("LOOP_CONFIGURE", path);
  }
  return Failure(Code::kUnavailable, "no free loop device for " + path, "disk_unenforceable",
                 "try again");
}

// The last line of the context's log, which says more than an errno.
std::string KernelSays(int context) {
  std::string text(512, '\0');
  const ssize_t got = ::read(context, text.data(), text.size());
  if (got <= 0) return "";
  text.resize(static_cast<std::size_t>(got));
  return " (" + text + ")";
}

Result<UniqueFd> MountExt4(const std::string& device, const std::string& path) {
  const UniqueFd context(static_cast<int>(::syscall(SYS_fsopen, "ext4", FSOPEN_CLOEXEC)));
  if (!context) return SysFailure("fsopen", "ext4");
  const auto set = [&](unsigned command, const char* key, const char* value) {
    return ::syscall(SYS_fsconfig, context.get(), command, key, value, 0) == 0;
  };
  if (!set(FSCONFIG_SET_STRING, "source", device.c_str()) ||
      !set(FSCONFIG_SET_STRING, "errors", "remount-ro") ||
      !set(FSCONFIG_CMD_CREATE, nullptr, nullptr)) {
    const Error error = SysFailure("mount", path);
    return Failure(Code::kFailedPrecondition,
                   "workspace (--workspace disk:DIR): " + error.message + KernelSays(context.get()),
                   "workspace_refused", "check it with e2fsck -f " + path);
  }
  UniqueFd mount(
      static_cast<int>(::syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC,
                                 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME)));
  if (!mount) return SysFailure("fsmount", path);
  return mount;
}

Status SetProject(int file, const std::string& path, std::uint32_t project) {
  fsxattr attributes{};
  if (::ioctl(file, FS_IOC_FSGETXATTR, &attributes) != 0) return SysFailure("FSGETXATTR", path);
  if (attributes.fsx_projid == project && (attributes.fsx_xflags & FS_XFLAG_PROJINHERIT) != 0) {
    return {};
  }
  attributes.fsx_projid = project;
  attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
  return ::ioctl(file, FS_IOC_FSSETXATTR, &attributes) == 0 ? Status()
                                                            : SysFailure("FSSETXATTR", path);
}

int Quota(int directory, unsigned command, std::uint32_t id, void* data) {
  constexpr unsigned kProject = 2;  // PRJQUOTA
  return static_cast<int>(::syscall(SYS_quotactl_fd, directory, QCMD(command, kProject), id, data));
}

}  // namespace

Result<UniqueFd> MountImage(int image, const std::string& path) {
  const UniqueFd file = TRY(Open("/proc/self/fd/" + std::to_string(image), O_RDWR));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return SysFailure("fstat", path);
  TRY(WaitForEarlierUser(status, path));
  const Loop loop = TRY_IN("attaching the workspace's image", AttachLoop(file.get(), path));
  return MountExt4(loop.device, path);
}

Status LimitByQuota(int directory, const std::string& path, ByteSize bytes, std::uint64_t inodes) {
  struct stat status{};
  if (::fstat(directory, &status) != 0) return SysFailure("fstat", path);
  std::uint32_t format = 0;
  const bool fits = status.st_ino <= std::numeric_limits<std::uint32_t>::max();
  if (!fits || Quota(directory, Q_GETFMT, 0, &format) != 0) {
    return Unenforceable("the file system of " + path + " has no active project quota",
                         "mount it with prjquota, or leave the limit to a loop image");
  }
  const auto project = static_cast<std::uint32_t>(status.st_ino);
  TRY(SetProject(directory, path, project));
  const std::vector<std::string> names = TRY(ListDir(directory));
  for (const std::string& name : names) {
    const auto below = OpenDirAt(directory, name);
    if (below.ok()) TRY(SetProject(below->get(), path + "/" + name, project));
  }
  if_dqblk limit{};
  constexpr std::uint64_t kQuotaBlock = 1024;  // QIF_DQBLKSIZE
  limit.dqb_bhardlimit = std::max<std::uint64_t>(1, bytes.bytes() / kQuotaBlock);
  limit.dqb_ihardlimit = inodes;
  limit.dqb_valid = QIF_LIMITS;
  if (Quota(directory, Q_SETQUOTA, project, &limit) != 0) return SysFailure("Q_SETQUOTA", path);
  if_dqblk now{};
  if (Quota(directory, Q_GETQUOTA, project, &now) != 0) return SysFailure("Q_GETQUOTA", path);
  if (now.dqb_bhardlimit == limit.dqb_bhardlimit && now.dqb_ihardlimit == limit.dqb_ihardlimit) {
    return {};
  }
  return Unenforceable("the quota of " + path + " was not kept", "look at it with repquota -P");
}

}  // namespace fabro::jail::supervise
