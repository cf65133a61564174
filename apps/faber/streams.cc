#include "apps/faber/streams.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

namespace fabro::faber {
namespace {

constexpr std::size_t kBlock = 64 * 1024;  // A pipe's default capacity, pipe(7).

// Linux gives EIO on the master of a pseudo-terminal whose other side everybody has closed.
bool IsEnd(ssize_t count) { return count == 0 || (count < 0 && errno == EIO); }
bool IsAgain() { return errno == EAGAIN || errno == EINTR; }

// A pipe that polls writable takes PIPE_BUF bytes without blocking (pipe(7)), and a socket can be
// told not to block. A file never blocks for long.
ssize_t WriteWithoutBlocking(int fd, std::string_view bytes) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return -1;
  if (S_ISREG(status.st_mode)) return ::write(fd, bytes.data(), bytes.size());
  if (S_ISSOCK(status.st_mode)) return ::send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
  return ::write(fd, bytes.data(), std::min<std::size_t>(bytes.size(), PIPE_BUF));
}

}  // namespace

short OutputStream::poll_events() const { return block_.empty() ? POLLIN : POLLOUT; }

void OutputStream::Abandon() {
  from_.reset();
  block_.clear();
}

Status OutputStream::Move() { return block_.empty() ? ReadBlock() : WriteBlock(); }

Status OutputStream::ReadBlock() {
  std::array<char, kBlock> buffer;
  const ssize_t count = ::read(from_.get(), buffer.data(), buffer.size());
  if (IsEnd(count)) {
    from_.reset();
    return {};
  }
  if (count < 0) return IsAgain() ? Status() : SysFailure("read", "the command's output");
  const auto size = static_cast<std::uint64_t>(count);
  const std::uint64_t taken = std::min(size, limit_ - passed_);
  over_limit_ = over_limit_ || taken < size;
  passed_ += taken;
  const std::string_view bytes(buffer.data(), taken);
  if (to_ < 0) {
    captured_ += bytes;
    return {};
  }
  block_ = bytes;
  return {};
}

Status OutputStream::WriteBlock() {
  const ssize_t count = WriteWithoutBlocking(to_, block_);
  if (count >= 0) {
    block_.erase(0, static_cast<std::size_t>(count));
    return {};
  }
  if (IsAgain()) return {};
  // The reader is gone: closing our end passes that on, as a pipe between the two would.
  if (errno == EPIPE || errno == ECONNRESET) {
    Abandon();
    return {};
  }
  return SysFailure("write", "the command's output");
}

short InputStream::poll_to_events() const { return block_.empty() ? short{0} : short{POLLOUT}; }

void InputStream::Read() {
  std::array<char, kBlock> buffer;
  const ssize_t count = ::read(from_, buffer.data(), buffer.size());
  if (count > 0) {
    block_.assign(buffer.data(), static_cast<std::size_t>(count));
  } else if (count == 0 || !IsAgain()) {
    // Whatever keeps us from reading is the end of what the guest can get.
    at_end_ = true;
    to_.reset();
  }
}

void InputStream::Write(short events) {
  if (block_.empty()) {
    // Only a hang-up brings us here: the guest closed its end.
    if ((events & (POLLERR | POLLHUP)) != 0) to_.reset();
    return;
  }
  const ssize_t count = ::write(to_.get(), block_.data(), block_.size());
  if (count >= 0) {
    block_.erase(0, static_cast<std::size_t>(count));
  } else if (!IsAgain()) {
    block_.clear();
    to_.reset();
  }
}

}  // namespace fabro::faber
