#include "fabro/jail/supervise/workspace_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <sstream>

#include "fabro/linux/file.h"

namespace fabro::jail::supervise {
namespace {

constexpr int kMostAncestors = 256;

// The process that has the lock, 0 when /proc/locks (proc_locks(5)) does not tell: it is of another
// pid namespace, or the file system shows another device to stat(2).
pid_t Holder(int directory) {
  struct stat status{};
  const auto locks = ReadFile("/proc/locks");
  if (!locks || ::fstat(directory, &status) != 0) return 0;
  char name[64];
  std::snprintf(name, sizeof name, "%02x:%02x:%llu", major(status.st_dev), minor(status.st_dev),
                static_cast<unsigned long long>(status.st_ino));
  std::istringstream lines(*locks);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string number;
    std::string kind;
    std::string advisory;
    std::string access;
    std::string inode;
    pid_t pid = 0;
    if (!(words >> number >> kind >> advisory >> access >> pid >> inode)) continue;
    if (kind == "FLOCK" && inode == name) return pid;
  }
  return 0;
}

Error InUse(const std::string& path, pid_t holder) {
  std::string by = "another sandbox";
  if (holder > 0) by += " (of jailer process " + std::to_string(holder) + ")";
  Error error = Failure(Code::kFailedPrecondition,
                        "workspace (--workspace disk:DIR): " + path + " is in use by " + by,
                        "workspace_refused",
                        "wait until that sandbox has ended, or use another directory, which is "
                        "neither within nor around it");
  error.sys_errno = EWOULDBLOCK;
  return error;
}

Status Lock(int directory, int how, const std::string& path) {
  while (::flock(directory, how | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return SysFailure("flock", path);
    return InUse(path, Holder(directory));
  }
  return {};
}

// Whether it could be a workspace itself (plan.cc, CheckDiskWorkspace): the owner's alone.
bool CouldBeWorkspace(const struct stat& status, uid_t owner) {
  return status.st_uid == owner && (status.st_mode & 077) == 0;
}

}  // namespace

Result<WorkspaceLock> TryLockWorkspace(int workspace, const std::string& path) {
  WorkspaceLock lock;
  UniqueFd own =
      TRY_IN("opening the workspace", Open("/proc/self/fd/" + std::to_string(workspace), O_RDONLY));
  struct stat status{};
  if (::fstat(own.get(), &status) != 0) return SysFailure("fstat", path);
  const uid_t owner = status.st_uid;
  TRY(Lock(own.get(), LOCK_EX, path));
  lock.push_back(std::move(own));
  if (!S_ISDIR(status.st_mode)) return lock;  // An image: nothing lies within it.
  UniqueFd at(::openat(lock[0].get(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int level = 0; at && level < kMostAncestors; ++level) {
    const struct stat below = status;
    if (::fstat(at.get(), &status) != 0) return SysFailure("fstat", path + "/..");
    if (status.st_dev == below.st_dev && status.st_ino == below.st_ino) return lock;
    UniqueFd above(::openat(at.get(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (CouldBeWorkspace(status, owner)) {
      TRY(Lock(at.get(), LOCK_SH, path));
      lock.push_back(std::move(at));
    }
    at = std::move(above);
  }
  if (!at) return SysFailure("open", path + "/..");
  return Failure(Code::kInvalidArgument, path + " is too deep", "workspace_refused",
                 "use a directory nearer to the root");
}

}  // namespace fabro::jail::supervise
