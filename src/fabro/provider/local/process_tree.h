// The processes that a command on this machine started, found again by the mark FABRO_EXEC in their
// environment, by their session, or as children of those. What cleared its environment, left the
// session and was re-parented is not found: a limit of `local` that is documented.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/linux/process.h"
#include "fabro/linux/spawn.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::provider {

inline constexpr char kExecMark[] = "FABRO_EXEC";

struct MarkQuery {
  std::string mark;     // The value of FABRO_EXEC.
  bool prefix = false;  // `mark` is only its beginning: "<run>/".
  pid_t session = -1;   // Also everything in this session.
};

struct FoundProcess {
  pid_t pid = 0;
  pid_t session = 0;
  std::uint64_t start_time = 0;  // Clock ticks since boot.
};

// Live ones (no zombies), never ourselves.
Result<std::vector<FoundProcess>> FindProcesses(const MarkQuery& query);

// A pidfd of one of them, empty when none is left.
Result<UniqueFd> WatchAny(const MarkQuery& query);

// SIGKILL until a scan finds none, since a fork may win a round; gives those that were killed.
// kDeadlineExceeded, processes_left, when something does not die within 5 s.
Result<std::vector<FoundProcess>> KillProcesses(const MarkQuery& query);

// Makes this process the one that orphans fall to, and reaps those that our commands left; never a
// child that somebody else here waits for.
class OrphanReaper {
 public:
  static Status BecomeSubreaper();

  // Spawns a leader in its own session; it is the caller's to wait for until Forget().
  Result<Process> SpawnLeader(const SpawnRequest& request);
  void Forget(pid_t leader);
  // What a command left alive, or what was killed: their sessions, so that zombies are known later.
  void Remember(const std::vector<FoundProcess>& processes);
  void Reap();

 private:
  std::mutex mutex_;
  std::set<pid_t> sessions_;
  std::set<pid_t> leaders_;
};

}  // namespace fabro::provider
