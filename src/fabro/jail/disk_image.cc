#include "fabro/jail/disk_image.h"

#include <fcntl.h>
#include <linux/quota.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "fabro/jail/plan/plan.h"
#include "fabro/linux/file.h"
#include "fabro/linux/spawn.h"

#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif

namespace fabro::jail {
namespace {

constexpr char kImage[] = "workspace.ext4";
constexpr char kPartial[] = "workspace.ext4.new";

bool HasProjectQuota(int directory) {
  constexpr unsigned kProject = 2;  // PRJQUOTA
  std::uint32_t format = 0;
  return ::syscall(SYS_quotactl_fd, directory, QCMD(Q_GETFMT, kProject), 0, &format) == 0;
}

Error Unenforceable(const std::string& what, std::string fix) {
  return Failure(Code::kFailedPrecondition, "workspace (--workspace disk:DIR): " + what,
                 "disk_unenforceable", std::move(fix));
}

Status Format(const std::string& path, std::uint64_t inodes) {
  SpawnRequest request;
  // No reserved blocks: the size is the guest's. Tables are written as they are needed.
  request.argv = {"mkfs.ext4",
                  "-q",
                  "-F",
                  "-m",
                  "0",
                  "-N",
                  std::to_string(inodes),
                  "-E",
                  "lazy_itable_init=1,lazy_journal_init=1,nodiscard",
                  path};
  request.env = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "MKE2FS_CONFIG=/dev/null"};
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  const auto done = RunCommand(request, "", 64_KiB, deadline);
  if (!done.ok() && done.error().code == Code::kNotFound) {
    return Unenforceable("mkfs.ext4 is not there, which makes the image of a byte limit",
                         "apt-get install e2fsprogs, use --workspace memory, or a file system with "
                         "project quotas");
  }
  if (!done.ok()) return done.error();
  if (done->succeeded()) return {};
  return Unenforceable("mkfs.ext4 failed: " + done->err.substr(0, 300), "raise the size");
}

// Whole under its name, or not there.
Status MakeImage(int directory, const std::string& path, ByteSize size) {
  (void)::unlinkat(directory, kPartial, 0);
  {
    const UniqueFd file =
        TRY(OpenAt(directory, kPartial, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    if (::ftruncate(file.get(), static_cast<off_t>(size.bytes())) != 0) {
      return SysFailure("ftruncate", path);
    }
  }
  TRY_IN("making the workspace's image", Format(path + "/" + kPartial, plan::InodesOf(size)));
  if (::renameat(directory, kPartial, directory, kImage) == 0) return {};
  return SysFailure("renameat", path);
}

}  // namespace

Status PrepareDiskLimit(model::SandboxSpec& spec) {
  model::Workspace& workspace = spec.workspace;
  if (workspace.kind != model::WorkspaceKind::kDisk || !workspace.size) return {};
  const std::string path = workspace.dir.value();
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return {};
  const DirFd directory = TRY(OpenDir(path));
  struct stat image{};
  const bool there = ::fstatat(directory.get(), kImage, &image, AT_SYMLINK_NOFOLLOW) == 0;
  if (!there && HasProjectQuota(directory.get())) return {};
  if (!there) TRY(MakeImage(directory.get(), path, *workspace.size));
  if (there && static_cast<std::uint64_t>(image.st_size) != workspace.size->bytes()) {
    return Failure(Code::kInvalidArgument,
                   "workspace.size (--tmpfs) " + fabro::ToString(*workspace.size) +
                       " is not the size of " + path + "/" + kImage + ", " +
                       fabro::ToString(ByteSize(static_cast<std::uint64_t>(image.st_size))),
                   "workspace_refused", "ask for that size, or use another directory");
  }
  workspace.dir = HostPath(path + "/" + kImage);
  return {};
}

}  // namespace fabro::jail
