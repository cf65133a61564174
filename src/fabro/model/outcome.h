// How a command in a sandbox ended, and what it used. A guest that was killed for a limit is a
// normal value here, not an error of ours.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/byte_size.h"
#include "fabro/base/duration.h"
#include "fabro/model/sandbox.h"

namespace fabro::model {

// In the order of precedence of the isolation specification, section 13: the first that holds wins.
enum class Fate {
  kPolicyViolation,
  kOutOfMemory,
  kAncestorOutOfMemory,  // A group above ours was full: the service is too small, not the guest.
  kOutputLimit,
  kCpuTimeLimit,
  kTimedOut,  // Wall time.
  kCancelled,
  kPidsLimit,  // Hit, and the command failed.
  kSignaled,
  kExited,
  kNotExecuted,  // Not found, not executable.
  kNotStarted,
  kInfrastructureFailure,
};

// "policy_violation", "exited" and so on: the words of the API.
std::string_view ToString(Fate fate);

// One system call that the filter refused and reported.
struct Violation {
  std::string syscall;         // "mount".
  std::string call;            // Decoded: "socket(AF_ALG, SOCK_SEQPACKET, 0)".
  std::int32_t pid = 0;        // Of the thread, in the jailer's pid namespace.
  std::string comm;            // The process's name, printable characters only.
  bool killed = false;         // Class K; else the call got an errno.
  int sys_errno = 0;           // That errno. 0 of one not killed: it was let go on, to learn of it.
  std::int32_t guest_pid = 0;  // The thread as it knows itself; 0: not known any more.
  friend bool operator==(const Violation&, const Violation&) = default;
};

struct Usage {
  Nanos wall_time{};
  Nanos cpu_user{};
  Nanos cpu_system{};
  Nanos cpu_time{};  // The group's own counter; not always user + system.
  std::optional<ByteSize> memory_peak;
  std::optional<std::uint32_t> pids_peak;
  std::optional<std::uint64_t> throttled_periods;
  std::optional<ByteSize> io_read;     // From disks; where the sandbox has a limit of that.
  std::optional<ByteSize> io_written;  // To disks.
  friend bool operator==(const Usage&, const Usage&) = default;
};

struct Outcome {
  Fate fate = Fate::kNotStarted;
  int exit_code = -1;  // kExited; also set beside other fates when the leader exited by itself.
  int signal = 0;      // kSignaled; also set beside other fates when the leader died by a signal.
  std::string
      message;        // For kNotExecuted, kNotStarted, kInfrastructureFailure: step, object, errno.
  int sys_errno = 0;  // Of kNotExecuted and kNotStarted.
  bool no_work_dir = false;  // Of kNotExecuted: the working directory could not be entered.
  Usage usage;
  bool pids_limit_hit = false;
  std::vector<Violation> violations;  // At most 64; `violations_dropped` counts the others.
  std::uint64_t violations_dropped = 0;
  std::optional<NetworkUsage> network;  // Of network mode `egress`.
  bool cleanup_succeeded = true;        // The leaf was empty in time.
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// What is true of a live sandbox, as observed; part of each result.
struct SandboxInfo {
  Launch launch = Launch::kStrict;
  std::vector<std::string>
      shared;  // What an earlier Jail had used: user_ns, ids, zygote, cgroup, net_ns.
  std::vector<std::string>
      degraded;  // Layers that are missing: by permission, or landlock at medium.
  std::vector<std::string> notices;  // "no_program_reachable: …": it loads, and is said at once.
  std::string seccomp;               // "whole" or "closing": the form of the filter.
  int landlock_abi = 0;              // Whose rights are held; 0: the layer is off.
  std::string workspace_limit;       // "tmpfs", "loop", "quota" or "none".
  std::string cgroup_mode;           // "v1", "v2" or "hybrid".
  // Whose host ids it runs under: "leased" (two of nobody else's), "subordinate" (two of the
  // caller's subuid range) or "caller" (the caller's own, for want of any other).
  std::string identity;
  Limits limits;              // In force for the whole sandbox.
  std::int32_t init_pid = 0;  // Host pid of pid 1.
  friend bool operator==(const SandboxInfo&, const SandboxInfo&) = default;
};

// The exit code of `faber run` for an Outcome (execution API, section 8): the guest's own, 124,
// 125, 126, 127, 128+n, 137, 143, 153 or 159.
int ExitCodeOf(const Outcome& outcome);

}  // namespace fabro::model
