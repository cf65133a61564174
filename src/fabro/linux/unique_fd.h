// A file descriptor that we own: closed when its owner goes. -1 is "none".
#pragma once

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace fabro {

class UniqueFd {
 public:
  UniqueFd() noexcept = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  // Moves through a temporary: `fd = Open(...)` closes the old one only after the new one is in.
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    UniqueFd taken(std::move(other));
    std::swap(fd_, taken.fd_);
    return *this;
  }
  ~UniqueFd() { reset(); }

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

  // Gives the descriptor away: the caller closes it.
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

  // errno stays as it was, so that a failure can still be reported while scopes unwind.
  void reset(int fd = -1) noexcept {
    const int old = std::exchange(fd_, fd);
    if (old < 0) return;
    const int saved = errno;
    ::close(old);  // The descriptor is gone even on EINTR (close(2)): never tried again.
    errno = saved;
  }

 private:
  int fd_ = -1;
};

// A descriptor of a directory; what the …At functions start from.
class DirFd : public UniqueFd {
 public:
  using UniqueFd::UniqueFd;
  explicit DirFd(UniqueFd fd) noexcept : UniqueFd(std::move(fd)) {}
};

}  // namespace fabro
