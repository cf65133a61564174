// A child that tries something and says how it went, over two pipes.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/linux/process.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::jail {

// One thing tried in the child: a number of the prober's own, and 0 or an errno.
struct Tried {
  std::int32_t what = 0;
  std::int32_t sys_errno = 0;
};

// The child's end. It runs after fork(2) of a single-threaded program and ends by _exit(2).
class ProbeReporter {
 public:
  ProbeReporter(int out, int in) : out_(out), in_(in) {}
  // `result` as of a system call: below 0 means errno.
  void Say(int what, long result) const;
  // Waits until the parent says go on; false: it is gone.
  bool AwaitParent() const;

 private:
  int out_;
  int in_;
};

class ProbeChild {
 public:
  // Forks; `body` runs in the child. Descriptors of the parent stay open in it.
  static Result<ProbeChild> Start(const std::function<void(const ProbeReporter&)>& body);

  pid_t pid() const { return process_.pid(); }

  // The next thing tried. kDeadlineExceeded after 5 s, kUnavailable when the child has ended.
  Result<Tried> Next();
  Status GoOn();
  // All that is left to say, to the child's end.
  std::vector<Tried> Rest();

 private:
  ProbeChild(Process process, UniqueFd in, UniqueFd out)
      : process_(std::move(process)), in_(std::move(in)), out_(std::move(out)) {}
  Process process_;  // Killed and reaped when *this goes.
  UniqueFd in_;
  UniqueFd out_;
};

// Runs `body` and gives what it said first: 0, or an errno. A child that says nothing is ECHILD.
int TryInChild(const std::function<void(const ProbeReporter&)>& body);

}  // namespace fabro::jail
