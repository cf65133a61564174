// A child process that we own: the pidfd, the pid, and the duty to reap it.
//
// A Process is live until Wait() returns. Destroying a live Process kills it with
// SIGKILL and reaps it, so no path out of a scope leaves a child or a zombie behind.
#pragma once

#include <sys/types.h>

#include <utility>

#include "fabro/base/result.h"
#include "fabro/linux/unique_fd.h"

namespace fabro {

// How a process ended. Not an error: a crash of the guest is a normal result for us.
struct ExitStatus {
  enum class Kind { kExited, kSignaled };
  Kind kind;
  int value;  // Exit code or signal number, by kind.

  friend bool operator==(const ExitStatus&, const ExitStatus&) = default;
};

class Process {
 public:
  // Takes over a child of the calling process.
  Process(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}

  // The same for a child of which only the pid is known. It must not have been reaped.
  static Result<Process> Adopt(pid_t pid);

  Process(Process&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}
  Process& operator=(Process&&) = delete;
  ~Process();

  // -1 once reaped.
  pid_t pid() const { return pid_; }

  // Readable once the child has ended; for poll(2) or Asio. Valid while *this lives.
  int pidfd() const { return pidfd_.get(); }

  // As with kill(2), a child that has ended but is not reaped takes the signal without effect.
  Status Kill(int signal);

  // Blocks until the child ends. Call once.
  Result<ExitStatus> Wait();

 private:
  pid_t pid_ = -1;  // -1: moved from, or reaped.
  UniqueFd pidfd_;
};

}  // namespace fabro
