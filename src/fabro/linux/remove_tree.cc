// Removal of trees that a guest may have shaped: any depth, any number of entries, links to
// anywhere, directories without rights, mounts left over.

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>

#include "fabro/linux/file.h"

namespace fabro {
namespace {

// Directories deeper than this are renamed to the top and removed from there: one descriptor and
// one stack frame a level must not be the guest's to multiply.
constexpr int kMaxDepth = 48;

// Names held at once; a directory with more is read in several passes.
constexpr std::size_t kBatch = 1024;

struct Walk {
  int top = -1;  // The tree's root; descriptor of the caller.
  std::uint64_t moved = 0;
};

Error MountInTree(const std::string& name) {
  Error error = Failure(Code::kFailedPrecondition, "a mount point is in the tree: " + name,
                        "mount_in_tree", "unmount it first (findmnt shows it)");
  error.sys_errno = EXDEV;
  return error;
}

// As OpenDirAt, and RESOLVE_NO_XDEV besides: the walk stays in its mount.
Result<DirFd> EnterDir(int dir, const std::string& name) {
  struct open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  for (;;) {
    DirFd fd(static_cast<int>(::syscall(SYS_openat2, dir, name.c_str(), &how, sizeof how)));
    if (fd) return fd;
    if (errno == EAGAIN || errno == EINTR) continue;
    if (errno == EXDEV) return MountInTree(name);
    return SysFailure("openat2", name);
  }
}

// rwx for the owner, on the directory itself and never through a link.
Status GiveRights(int dir, const std::string& name) {
  const UniqueFd path = TRY(OpenAt(dir, name, O_PATH | O_DIRECTORY));
  const std::string self = "/proc/self/fd/" + std::to_string(path.get());
  if (::chmod(self.c_str(), 0700) != 0) return SysFailure("chmod", name);
  return {};
}

Status RemoveEntry(int dir, const std::string& name, int depth, Walk& walk);

Status EmptyDir(int dir, int depth, Walk& walk) {
  for (;;) {
    const std::vector<std::string> names = TRY(ListDir(dir, kBatch));
    if (names.empty()) return {};
    for (const std::string& name : names) TRY(RemoveEntry(dir, name, depth, walk));
  }
}

// To the top under a name that is free there; the top's own loop then meets it again.
Status MoveToTop(int dir, const std::string& name, Walk& walk) {
  bool rights_given = false;
  for (;;) {
    const std::string moved = ".removed-" + std::to_string(walk.moved++);
    if (::renameat2(dir, name.c_str(), walk.top, moved.c_str(), RENAME_NOREPLACE) == 0) return {};
    if (errno == EEXIST) continue;
    if (errno == EBUSY || errno == EXDEV) return MountInTree(name);
    if (errno != EACCES || rights_given) return SysFailure("rename", name);
    TRY(GiveRights(dir, name));  // Its ".." is written, which takes rights on it.
    rights_given = true;
  }
}

Status RemoveFullDir(int dir, const std::string& name, int depth, Walk& walk) {
  if (depth >= kMaxDepth) return MoveToTop(dir, name, walk);
  Result<DirFd> entered = EnterDir(dir, name);
  if (!entered && entered.error().sys_errno == EACCES) {
    TRY(GiveRights(dir, name));
    entered = EnterDir(dir, name);
  }
  const DirFd child = TRY(std::move(entered));
  const bool writable = ::faccessat(child.get(), ".", W_OK | X_OK, AT_EACCESS) == 0;
  if (!writable) TRY(GiveRights(dir, name));
  // The tree's own root is where deep directories are moved to.
  if (walk.top < 0) {
    walk.top = child.get();
    TRY(EmptyDir(child.get(), 1, walk));
  } else {
    TRY(EmptyDir(child.get(), depth + 1, walk));
  }
  if (::unlinkat(dir, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
    return errno == EBUSY ? MountInTree(name) : SysFailure("rmdir", name);
  }
  return {};
}

Status RemoveEntry(int dir, const std::string& name, int depth, Walk& walk) {
  if (::unlinkat(dir, name.c_str(), 0) == 0 || errno == ENOENT) return {};
  if (errno == EBUSY) return MountInTree(name);
  if (errno != EISDIR) return SysFailure("unlink", name);
  if (::unlinkat(dir, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
  if (errno == EBUSY) return MountInTree(name);
  if (errno != ENOTEMPTY && errno != EEXIST) return SysFailure("rmdir", name);
  return RemoveFullDir(dir, name, depth, walk);
}

}  // namespace

Status RemoveTreeAt(int dir, const std::string& name) {
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos) {
    return Failure(Code::kInvalidArgument, "not the name of one entry: '" + name + "'");
  }
  Walk walk;
  TRY_IN("removing " + name, RemoveEntry(dir, name, 0, walk));
  return {};
}

Status RemoveTree(const std::string& path) {
  const std::size_t last = path.find_last_not_of('/');
  if (last == std::string::npos) return Failure(Code::kInvalidArgument, "refusing to remove /");
  const std::string trimmed = path.substr(0, last + 1);
  const std::size_t slash = trimmed.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : trimmed.substr(0, slash + 1);
  Result<DirFd> dir = OpenDir(parent);
  if (!dir && dir.error().sys_errno == ENOENT) return {};
  const DirFd opened = TRY(std::move(dir));
  return RemoveTreeAt(opened.get(),
                      slash == std::string::npos ? trimmed : trimmed.substr(slash + 1));
}

}  // namespace fabro
