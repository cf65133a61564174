// Starting programs of this machine: git, a user's shell on `local`. By posix_spawn(3), which is
// safe in a process with threads. The child gets the three descriptors named here and no other, a
// default signal state, and exactly the environment given.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/byte_size.h"
#include "fabro/base/result.h"
#include "fabro/linux/poll.h"
#include "fabro/linux/process.h"

namespace fabro {

struct SpawnRequest {
  std::vector<std::string> argv;  // argv[0] with a slash is a path, else looked up in our own PATH.
  std::vector<std::string> env;   // "NAME=value"; nothing is inherited.
  std::string cwd;                // Empty: ours.
  int in = -1;                    // -1: /dev/null. Not owned.
  int out = -1;
  int err = -1;
  // A session of its own: a process group to signal, and no terminal to stop at.
  bool new_session = false;
};

// kNotFound or kPermissionDenied when the program or `cwd` is; nothing runs then.
Result<Process> Spawn(const SpawnRequest& request);

struct CommandOutput {
  ExitStatus status;
  std::string out;
  std::string err;
  bool succeeded() const { return status == ExitStatus{ExitStatus::Kind::kExited, 0}; }
};

// Runs a program to its end with `input` on stdin and keeps what it wrote. More than `limit` on one
// stream kills it: kResourceExhausted, "output_limit". Past `deadline`: kDeadlineExceeded,
// "command_timeout". The descriptors of `request` are ignored.
Result<CommandOutput> RunCommand(SpawnRequest request, std::string_view input, ByteSize limit,
                                 Deadline deadline);

}  // namespace fabro
