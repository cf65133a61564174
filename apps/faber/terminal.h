// The caller's terminal and the signals that a terminal or a supervisor sends.
#pragma once

#include <sys/ioctl.h>
#include <termios.h>

#include <optional>

#include "fabro/base/result.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::faber {

// The terminal on `fd` in raw mode, as it was before once this goes.
class RawTerminal {
 public:
  static Result<RawTerminal> Enter(int fd);
  RawTerminal(RawTerminal&& other) noexcept : fd_(other.fd_), before_(other.before_) {
    other.fd_ = -1;
  }
  RawTerminal& operator=(RawTerminal&&) = delete;
  ~RawTerminal();

 private:
  RawTerminal(int fd, const termios& before) : fd_(fd), before_(before) {}
  int fd_;
  termios before_;
};

// 24 rows of 80 where the descriptor is no terminal.
winsize WindowSize(int terminal);

// Gives the terminal `to` the size of the terminal `from`; the kernel tells its programs
// (SIGWINCH).
void CopyWindowSize(int from, int to);

// The signals that go to the command, blocked for the process and readable. One that was ignored
// (nohup) stays ignored.
class ForwardedSignals {
 public:
  static Result<ForwardedSignals> Block();
  int fd() const { return fd_.get(); }
  // The next one; nullopt: none is waiting.
  std::optional<int> Next() const;

 private:
  explicit ForwardedSignals(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace fabro::faber
