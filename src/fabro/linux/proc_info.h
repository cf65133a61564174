// Who a process is, so that a pid that was given out again is not taken for the old one.
#pragma once

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "fabro/base/result.h"

namespace fabro {

// A process of this boot and of this pid namespace. Both numbers are needed: pids are reused, and
// no two processes with one pid start in the same clock tick.
struct ProcessIdentity {
  pid_t pid = 0;
  std::uint64_t start_time = 0;  // Clock ticks since boot, /proc/PID/stat field 22 (proc(5)).

  friend auto operator<=>(const ProcessIdentity&, const ProcessIdentity&) = default;
};

// kNotFound when there is none.
Result<ProcessIdentity> IdentifyProcess(pid_t pid);

// The calling process.
Result<ProcessIdentity> IdentifySelf();

// False once it ended, a zombie included. Fails only where /proc cannot be read.
Result<bool> IsAlive(const ProcessIdentity& identity);

// "1234:567890" and back; anything else is kInvalidArgument.
std::string ToString(const ProcessIdentity& identity);
Result<ProcessIdentity> ParseProcessIdentity(std::string_view text);

// The random id of this boot of the kernel, a UUID.
Result<std::string> BootId();

// Inode of the caller's pid namespace: pids of two namespaces must not be compared.
Result<std::uint64_t> OwnPidNamespace();

}  // namespace fabro
