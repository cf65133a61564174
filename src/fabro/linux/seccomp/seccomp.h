// The system call policy of the security levels: what each call may do, and the filter that holds
// it.
//
// One table (syscalls.tsv, argument_rules.tsv) gives every call of x86_64 and aarch64 a verdict at
// each level. CompileFilter() makes a seccomp program of it, VerdictOf() answers the same question
// without a kernel, so that the reader of notifications knows what a notified call deserves, and
// PolicyListing() prints it. All functions are pure, keep no state and may be called from any
// thread; none may be called between clone and exec, where only load.h is safe.
//
// Sources: seccomp(2), seccomp_unotify(2), Documentation/userspace-api/seccomp_filter.rst of the
// kernel.
#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/result.h"

namespace fabro::seccomp {

// How strict the policy is. Low forbids what is listed, medium and high allow what is listed.
enum class Level { kLow, kMedium, kHigh };

// "low", "medium", "high".
std::string_view LevelName(Level level);

// Whose call numbers; the values are those of seccomp_data.arch. Each has one ABI that is served:
// x32 and i386 on x86_64 and AArch32 on aarch64 are killed at every level, since their numbers mean
// other calls.
enum class Arch : std::uint32_t { kX86_64 = AUDIT_ARCH_X86_64, kAarch64 = AUDIT_ARCH_AARCH64 };

// "x86_64", "aarch64".
std::string_view ArchName(Arch arch);

// The architecture that this program was compiled for.
constexpr Arch NativeArch() {
#if defined(__x86_64__)
  return Arch::kX86_64;
#elif defined(__aarch64__)
  return Arch::kAarch64;
#else
#error "no system call table for this architecture"
#endif
}

// Whether the guest may have sockets. Socket pairs and sockets that it was given work in both.
enum class Sockets {
  kNone,  // Network mode `none`: socket() is EAFNOSUPPORT; connect, bind, listen, accept EACCES.
  kFamilies,  // Unix, TCP and UDP over IPv4 and IPv6, and the route table of netlink.
};

// What becomes of the denials that must not pass unseen (Verdict kReported and kKill).
enum class Report {
  kNotify,  // SECCOMP_RET_USER_NOTIF: the holder of the listener answers. Seen in grandchildren
            // too.
  kKill,  // Without a listener: SECCOMP_RET_KILL_PROCESS for kKill, the errno alone for kReported.
};

struct FilterOptions {
  Level level = Level::kMedium;
  Arch arch = NativeArch();
  Sockets sockets = Sockets::kFamilies;
  bool tty = false;           // The guest has a terminal of its own: high allows its settings.
  bool allow_ptrace = false;  // Debuggers and LeakSanitizer: at medium (low always allows it).
  bool allow_no_randomize = false;  // personality(ADDR_NO_RANDOMIZE), as debuggers want it.
  bool deny_file_locks = false;     // Locks on shared read-only files are a covert channel.
  bool deny_process_creation =
      false;  // Threads only; fork, vfork and clone of a process are EPERM.
  // chmod may set S_ISGID: where no file of the guest can be reached by other users outside, and
  // the guest has one group (decision 0009).
  bool allow_set_gid = false;
  Report report = Report::kNotify;
  std::vector<std::string> allow = {};  // Calls by name that get their class of level low.
  std::vector<std::string> deny = {};   // Calls by name that are kReported EPERM.
  // Level low for a program whose needs are to be learned (`faber policy learn`): what this level
  // would not allow is notified, and the reader lets go on what low allows.
  std::optional<Level> learn = {};

  bool operator==(const FilterOptions&) const = default;
};

// What the policy says about one call.
struct Verdict {
  enum class Kind {
    kAllow,
    kSoft,      // Fails with sys_errno and nobody is told: programs probe for these and fall back.
    kReported,  // Fails with sys_errno and is recorded as a violation.
    kKill,      // The whole Exec dies and the violation is its outcome.
  };
  Kind kind = Kind::kAllow;
  int sys_errno = 0;  // Of kSoft and kReported. 0 at kSoft means success without doing anything.

  friend bool operator==(const Verdict&, const Verdict&) = default;
};

// "allow", "soft ENOSYS", "reported EPERM", "kill".
std::string ToString(const Verdict& verdict);

// The policy's answer for a call as the kernel describes it (`data` of a seccomp_notif is one). A
// foreign architecture or ABI is kKill; a number without a name is kSoft ENOSYS, as a kernel
// without it would say, and at kLow kAllow. `options.report` has no influence. Arguments that are
// pointers are never looked at.
Verdict VerdictOf(const FilterOptions& options, const seccomp_data& data);

// The filter program for seccomp(SECCOMP_SET_MODE_FILTER), at most 4096 instructions; equal options
// give equal bytes. It needs no other filter above or below it, and lets its loader go on with
// sendmsg (to send the listener away), close, execve and exit_group. Errors: those of
// CheckOptions() (explain.h); kInvalidArgument learn_refused for `learn` at another level than kLow
// or without notification.
Result<std::vector<sock_filter>> CompileFilter(const FilterOptions& options);

// "openat" for 257 on x86_64; empty for a number without a name.
std::string_view SyscallName(Arch arch, std::uint32_t number);

// The number of a name there, or -1.
int SyscallNumber(Arch arch, std::string_view name);

// What a violation report says: the call with those arguments decoded that matter, never what a
// pointer points to: "socket(AF_ALG, SOCK_SEQPACKET, 0)", "clone(CLONE_NEWUSER|SIGCHLD)", "mount".
// A call of a foreign ABI is "i386 syscall 20", "x32 getpid".
std::string DescribeCall(const seccomp_data& data);

// The whole policy of a level as text for people, grouped by verdict.
std::string PolicyListing(Level level, Arch arch);

}  // namespace fabro::seccomp
