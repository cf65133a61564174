// The jailer's two ways to live: as a child that serves the one connection it was started with, and
// listening in a 0700 directory for callers of its own user.
#pragma once

#include <chrono>
#include <string>

#include "fabro/base/result.h"
#include "fabro/jail/supervise/identity.h"
#include "fabro/linux/log.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::jail::supervise {

// For a process with one thread, before it serves: TakeIdentity(), and before that, since no
// process of the host can be looked at from inside, room for groups below our own (own_group.h).
Result<Identity> TakeOwnPlace();

// Returns when the connection's Jail is gone. `init_program` is the path of faber-init. Trouble
// that the caller should know is answered on the connection, not returned; also that `identity`,
// of TakeOwnPlace(), could not be had.
Status ServeConnection(UniqueFd connection, const std::string& init_program,
                       const Result<Identity>& identity);

struct ListenOptions {
  std::string directory;  // Made 0700 where missing; must be ours and nobody else's to enter.
  std::size_t slots = 4;  // Kept between Jails.
  std::chrono::seconds idle{0};  // Ends after so long without a connection; 0: never.
  std::string init_program;
  Logger log;  // Who came and was sent away; silent unless a file was named.
};

// The socket's name in the directory.
inline constexpr char kSocketName[] = "jailer.sock";

// Returns on SIGTERM or SIGINT, and when idle for long enough.
Status Listen(ListenOptions options);

}  // namespace fabro::jail::supervise
