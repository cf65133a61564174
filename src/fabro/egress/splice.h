// One direction of a relayed connection: from one socket through a pipe to another, without a copy
// in user space (splice(2)). Bytes that were read before, to look at them, go first.
#pragma once

#include <cstddef>
#include <string>

#include "fabro/base/result.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::egress {

class Flow {
 public:
  Status Open();

  // To be sent before what comes from the source.
  void SendFirst(std::string bytes) { first_ = std::move(bytes); }

  struct Moved {
    std::size_t read = 0;  // From the source.
    bool failed = false;   // One of the sockets is broken.
  };
  // Moves what can be moved without waiting, reading at most `allowance` bytes. At the source's
  // end, and when all is written, the destination's direction is shut down, once.
  Moved Pump(int from, int to, std::size_t allowance);

  bool wants_read() const { return !finished_ && !wants_write(); }
  bool wants_write() const { return held_ > 0 || !first_.empty(); }
  bool finished() const { return finished_; }

 private:
  enum class Step { kDone, kBlocked, kFailed };
  Step Write(int to);

  UniqueFd read_end_;
  UniqueFd write_end_;
  std::string first_;
  std::size_t held_ = 0;  // Bytes in the pipe.
  bool finished_ = false;
};

}  // namespace fabro::egress
