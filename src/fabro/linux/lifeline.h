// A lifeline: a pipe that nobody writes. The owner holds the write end; when the owner ends,
// however it ends, the watcher's end hangs up. PDEATHSIG does not do that: it is cleared by a
// change of credentials, and fires when the *thread* that forked ends (isolation.md 2.2).
//
// The write end must be in one process alone: it is close-on-exec, and a child forked without exec
// closes it first.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>

#include "fabro/base/result.h"
#include "fabro/linux/poll.h"
#include "fabro/linux/unique_fd.h"

namespace fabro {

struct Lifeline {
  UniqueFd owner;    // Keep it open while the watched work may go on.
  UniqueFd watcher;  // POLLHUP once the owner is gone.
};

inline Result<Lifeline> MakeLifeline() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return SysFailure("pipe2", "lifeline");
  return Lifeline{UniqueFd(ends[1]), UniqueFd(ends[0])};
}

// Does not block.
inline Result<bool> OwnerIsGone(int watcher) {
  const short events = TRY(PollOne(watcher, 0, std::chrono::steady_clock::now()));
  return (events & POLLHUP) != 0;
}

}  // namespace fabro
