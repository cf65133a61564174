// Whether a slot may have another Jail (isolation.md 2.3 and 10.0, "Sealed proof").
#pragma once

#include <sys/types.h>

#include <string>

#include "fabro/base/result.h"

namespace fabro::jail::supervise {

// How many sockets of which kind a network namespace has, as text that is equal for equal counts.
// Read through any process in it. Numbers that the kernel counts for the whole machine are left
// out.
Result<std::string> SocketsOf(pid_t process);

// The sealed network namespace of `process` is as it was when `at_creation` was read. Sockets that
// were sent into themselves survive their processes; opening and closing one in the namespace makes
// the kernel collect them, for which it has 50 ms. Else slot_not_reusable: destroy the slot.
Status ProveSealed(pid_t process, const std::string& at_creation);

}  // namespace fabro::jail::supervise
