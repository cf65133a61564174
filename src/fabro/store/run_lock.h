// Who works on a run: an OFD lock on `<run_dir>/run.lock`. It goes with its holder, however that
// ends, so a free lock means that nobody lives. `run.pid` beside it tells people (and followers,
// who poll a pidfd) which process that is; nothing decides by it.
#pragma once

#include <optional>
#include <string>

#include "fabro/base/result.h"
#include "fabro/linux/proc_info.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::store {

class RunLock {
 public:
  // Held by another process, or by another RunLock of this one: kFailedPrecondition "run_locked",
  // the message names the holder.
  static Result<RunLock> Acquire(const std::string& run_dir);

  RunLock(RunLock&&) = default;
  RunLock& operator=(RunLock&&) = default;

 private:
  explicit RunLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;  // The lock lives as long as this open file description.
};

// True while somebody holds it. Says nothing about the moment after.
Result<bool> IsRunLocked(const std::string& run_dir);

// The holder as run.pid says; none: nobody holds the lock, or the file is not there yet.
Result<std::optional<ProcessIdentity>> RunLockHolder(const std::string& run_dir);

}  // namespace fabro::store
