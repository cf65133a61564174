#include "fabro/jail/supervise/workspace_lock.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <sstream>

#include "fabro/linux/file.h"

namespace fabro::jail::supervise {
namespace {

using std::chrono::steady_clock;

constexpr auto kHolderMayEnd = std::chrono::seconds(1);
constexpr int kLookAgainMs = 5;

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
  return Failure(Code::kFailedPrecondition,
                 "workspace (--workspace disk:DIR): " + path + " is in use by " + by,
                 "workspace_refused",
                 "wait until that sandbox has ended, or use another directory");
}

}  // namespace

Result<UniqueFd> LockWorkspace(int workspace, const std::string& path) {
  UniqueFd lock =
      TRY_IN("opening the workspace", Open("/proc/self/fd/" + std::to_string(workspace), O_RDONLY));
  const auto limit = steady_clock::now() + kHolderMayEnd;
  while (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return SysFailure("flock", path);
    const pid_t holder = Holder(lock.get());
    if (holder == ::getpid() || steady_clock::now() >= limit) return InUse(path, holder);
    ::poll(nullptr, 0, kLookAgainMs);
  }
  return lock;
}

}  // namespace fabro::jail::supervise
