// What egressd may still do once it talks to guests and to the world: move bytes between sockets.
#pragma once

#include <sys/types.h>

#include <optional>

#include "fabro/base/result.h"

namespace fabro::egress {

// Gives up the groups and becomes `id`, user and group. For a process that is root.
Status BecomeUser(uid_t id);

// For good, and inherited by nobody since nothing can be executed: no capabilities, no new
// privileges, no core dump, no file system (Landlock where the kernel has it, and no open(2) in any
// case), and a system call filter that knows the calls of a relay and kills at every other one.
// Threads must not have been started.
Status Confine();

}  // namespace fabro::egress
