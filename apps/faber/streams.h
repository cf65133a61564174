// One direction of a relay: bytes from a descriptor to another, at most one block in between.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "fabro/base/result.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::faber {

// Guest to caller. `from` is ours and non-blocking; `to` is the caller's, may block, and is not
// owned.
class OutputStream {
 public:
  // `to` of -1: bytes are kept in captured().
  OutputStream(UniqueFd from, int to, std::uint64_t limit)
      : from_(std::move(from)), to_(to), limit_(limit) {}

  // What to poll for: the guest's side while the block is empty, else the caller's.
  int poll_fd() const { return block_.empty() ? from_.get() : to_; }
  short poll_events() const;
  // After poll: reads, or writes what the caller's side takes without blocking.
  Status Move();

  bool done() const { return !from_ && block_.empty(); }
  bool waits_for_caller() const { return !block_.empty(); }
  bool over_limit() const { return over_limit_; }
  void Abandon();  // What is left is dropped.
  const std::string& captured() const { return captured_; }

 private:
  Status ReadBlock();
  Status WriteBlock();

  UniqueFd from_;
  int to_;
  std::uint64_t limit_;
  std::uint64_t passed_ = 0;
  bool over_limit_ = false;
  std::string block_;
  std::string captured_;
};

// Caller to guest. `from` is the caller's and not owned; `to` is ours, non-blocking and not owned
// when it is a terminal that the output stream reads too.
class InputStream {
 public:
  InputStream(int from, UniqueFd to) : from_(from), to_(std::move(to)) {}

  // -1: nothing to wait for.
  int poll_from() const { return to_ && !at_end_ && block_.empty() ? from_ : -1; }
  // Also polled with an empty block, for the hang-up of a guest that closed its end.
  int poll_to() const { return to_.get(); }
  short poll_to_events() const;
  void Read();
  void Write(short events);
  void Close() { to_.reset(); }

 private:
  int from_;
  UniqueFd to_;
  bool at_end_ = false;
  std::string block_;
};

}  // namespace fabro::faber
