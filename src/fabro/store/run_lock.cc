#include "fabro/store/run_lock.h"

#include <fcntl.h>

#include "fabro/linux/file.h"

namespace fabro::store {
namespace {

// Whole file; l_pid must be 0 for OFD locks (fcntl(2)).
struct flock WholeFile(short type) {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

std::string Trimmed(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace

Result<RunLock> RunLock::Acquire(const std::string& run_dir) {
  UniqueFd fd = TRY(Open(run_dir + "/run.lock", O_RDWR | O_CREAT, 0600));
  struct flock lock = WholeFile(F_WRLCK);
  if (::fcntl(fd.get(), F_OFD_SETLK, &lock) != 0) {
    if (errno != EAGAIN && errno != EACCES) return SysFailure("fcntl F_OFD_SETLK", run_dir);
    auto pid = ReadFile(run_dir + "/run.pid");
    std::string who = pid.ok() ? " (process " + Trimmed(*std::move(pid)) + ")" : std::string();
    return Failure(Code::kFailedPrecondition,
                   "another process" + who + " works on the run in " + run_dir, "run_locked",
                   "follow it with fabro attach");
  }
  const ProcessIdentity self = TRY(IdentifySelf());
  TRY(ReplaceFile(run_dir + "/run.pid", ToString(self) + "\n", 0600));
  return RunLock(std::move(fd));
}

Result<bool> IsRunLocked(const std::string& run_dir) {
  auto fd = Open(run_dir + "/run.lock", O_RDWR);
  if (!fd.ok()) {
    if (fd.error().sys_errno == ENOENT) return false;  // Nobody ever worked on it.
    return std::move(fd).error();
  }
  struct flock lock = WholeFile(F_WRLCK);
  if (::fcntl(fd->get(), F_OFD_GETLK, &lock) != 0) return SysFailure("fcntl F_OFD_GETLK", run_dir);
  return lock.l_type != F_UNLCK;
}

Result<std::optional<ProcessIdentity>> RunLockHolder(const std::string& run_dir) {
  const bool locked = TRY(IsRunLocked(run_dir));
  if (!locked) return std::optional<ProcessIdentity>();
  auto text = ReadFile(run_dir + "/run.pid");
  if (!text.ok()) return std::optional<ProcessIdentity>();
  auto identity = ParseProcessIdentity(Trimmed(*std::move(text)));
  if (!identity.ok()) return std::optional<ProcessIdentity>();
  return std::optional(*identity);
}

}  // namespace fabro::store
