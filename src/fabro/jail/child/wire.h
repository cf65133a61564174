// What the jailer and the guest's side of the clone say to each other: the zygote of a slot, the
// init of a Jail, and the payload of an Exec until it has become the guest's program.
//
//   jailer ── zygote socket ── zygote      one a slot: build the root once, spawn inits
//   jailer ── init socket ──── init        one a Jail: start Execs, report their end
//   jailer ── status socket ── payload     one an Exec: failed step, or the filter's listener, or
//                                          hang-up at execve (it is close-on-exec)
// All sockets are AF_UNIX SOCK_SEQPACKET, one message a packet: a Header, then the struct of its
// type, then its tail bytes where the struct has one. Both ends are built from this header at the
// same time (faber-init is looked for beside faber-jailer), and kVersion refuses a mix. The guest
// never holds one of these sockets, but a receiver still checks every length: the jailer must
// survive an init that a kernel bug gave away.
// A struct starts right behind the 12 bytes of the Header, so it is not aligned: copy it out first.
// Kernel headers only, no allocation: usable between clone and exec.
#pragma once

#include <cstdint>

#include "fabro/jail/child/landlock_wire.h"
#include "fabro/jail/child/mount_wire.h"
#include "fabro/jail/child/step.h"

namespace fabro::jail::wire {

inline constexpr std::uint32_t kMagic = 0x46424A31;  // "FBJ1"
inline constexpr std::uint16_t kVersion = 4;
inline constexpr std::uint32_t kMaxMessage = 192 * 1024;  // Below the default SO_SNDBUF.
inline constexpr std::uint32_t kMaxMounts = 96;
inline constexpr std::uint32_t kMaxFds = 120;  // SCM_MAX_FD is 253; a margin.
inline constexpr std::uint32_t kNameMax = 64;
inline constexpr std::uint32_t kMaxRlimits = 16;
inline constexpr std::uint32_t kMaxLeafFds = 12;
inline constexpr std::uint32_t kMaxPlaces = 16;
inline constexpr std::uint32_t kPlaceBytes = 2048;

// The descriptors that the jailer leaves open for the zygote across its exec.
inline constexpr int kZygoteSocketFd = 3;
inline constexpr int kLifelineFd = 4;

enum class Type : std::uint16_t {
  // zygote -> jailer
  kUserNamespaceMade = 1,  // No body: write the id maps now.
  kSlotReady = 2,          // No body: the root stands.
  kInitSpawned = 3,        // InitSpawned, fd: pidfd of init.
  kInitGone = 4,           // InitGone: reaped; its pid namespace is gone.
  // jailer -> zygote
  kMapsWritten = 10,  // No body.
  kBuildSlot = 11,    // BuildSlot + MountStep[mount_count] + LandlockRule[rule_count], fds.
  kSpawnInit = 12,    // SpawnInit, [EgressNet]; fds: init socket, lifeline, [workspace mount].
  kKillInit = 13,     // No body: SIGKILL to init, then kInitGone follows.
  // init -> jailer
  kJailReady = 20,     // No body.
  kExecForked = 21,    // ExecForked, fd: pty master when it was asked for.
  kExecEnded = 22,     // ExecEnded: the leader was reaped.
  kNetworkReady = 23,  // NetworkReady, before kJailReady; fds: name server's UDP and TCP socket,
                       // one listening socket a port.
  // jailer -> init
  kExec = 30,        // Exec + tail, fds as counted in it.
  kSignalExec = 31,  // SignalExec.
  // payload -> jailer, on the status socket
  kListener = 40,  // No body, fd: seccomp listener. The execve follows.
  // anyone -> jailer
  kFailed = 50,  // Failed: the sender gives up this slot, Jail or Exec, and ends.
};

struct Header {
  std::uint32_t magic = kMagic;
  std::uint16_t version = kVersion;
  std::uint16_t type = 0;
  std::uint32_t length = 0;  // Of what follows the header, in bytes.
};

struct Failed {
  std::uint16_t step = 0;  // Step
  std::uint16_t reserved = 0;
  std::int32_t sys_errno = 0;
  std::uint32_t exec_id = 0;   // 0: not of an Exec.
  char object[kPathMax] = {};  // Which mount, file or call; NUL-terminated.
};

// Everything of a slot that stays between its Jails.
struct BuildSlot {
  std::uint32_t setup_id = 0;       // Inner id of zygote and init.
  std::uint32_t task_id = 1000;     // Inner id of payloads.
  std::uint8_t sealed_network = 0;  // Make the slot's network namespace now; lo stays down.
  std::uint8_t forbid_user_ns = 1;  // max_user_namespaces = 0 (medium, high).
  std::uint8_t system_files = 0;    // As in SpawnInit.
  std::uint16_t mount_count = 0;    // MountSteps that follow.
  std::uint64_t capabilities = 0;   // What stays in the bounding set, a bit each.
  Landlock landlock;
};

// One writable tree carries all writable paths, its places: directories of it at targets that exist
// in the root, none in another, the workspace first. kMemory: init makes it, a tmpfs. kDisk: it is
// the third descriptor, a detached mount in which the directories exist and belong to the task.
struct SpawnInit {
  enum Workspace : std::uint8_t { kMemory = 1, kDisk = 2 };
  enum Network : std::uint8_t { kSlots = 0, kNew = 1 };  // The slot's (sealed), or one of its own.
  std::uint8_t new_network = kNew;
  std::uint8_t loopback_up = 0;
  std::uint8_t workspace = kMemory;
  std::uint8_t devpts = 0;        // Mount a private devpts and /dev/ptmx.
  std::uint8_t system_files = 0;  // Whole /proc and /sys, covered (low); else processes alone.
  std::uint8_t egress = 0;        // An EgressNet follows; loopback_up too.
  std::uint8_t reserved[2] = {};
  std::uint32_t task_id = 1000;
  std::uint64_t tmpfs_size = 0;  // kMemory: total of all writable paths, in bytes.
  std::uint64_t tmpfs_inodes = 0;
  std::uint64_t shm_size = 0;  // /dev/shm with a disk workspace; 0: none.
  // What the Jail's clocks say when its first command starts: an init may wait long for that.
  std::int64_t monotonic_start_ns = 0;
  std::int64_t boottime_start_ns = 0;
  char hostname[kNameMax] = {};
  std::uint16_t place_count = 0;
  char places[kPlaceBytes] = {};  // Each: octet 1 (mode 1777) or 0 (0755), name\0, target\0.
  friend bool operator==(const SpawnInit&, const SpawnInit&) = default;
};

struct InitSpawned {
  std::int32_t pid = 0;  // In the jailer's pid namespace.
};

struct InitGone {
  std::int32_t wait_status = 0;  // As of waitid's si_code: exit code or signal.
  std::int32_t si_code = 0;
};

struct Rlimit {
  std::uint32_t resource = 0;
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
};

// Tail: argv strings, then env strings, each NUL-terminated, then the filter's sock_filter array
// (8 bytes each, after padding to a multiple of 8 from the start of the tail).
// Descriptors in order: status socket, stdin, stdout, stderr (absent with tty), leaf_fds "0" is
// written to in turn, [the leaf's v2 directory, to clone into], [program: a memfd to execute
// instead of looking argv[0] up].
struct Exec {
  std::uint32_t exec_id = 0;  // Not 0.
  std::uint32_t argc = 0;
  std::uint32_t envc = 0;
  std::uint32_t string_bytes = 0;
  std::uint32_t filter_count = 0;  // Instructions; 0 is refused.
  std::uint32_t task_id = 1000;
  std::uint8_t tty = 0;
  std::uint8_t has_program = 0;
  std::uint8_t leaf_fds = 0;
  std::uint8_t rlimit_count = 0;
  std::uint8_t want_listener = 1;
  std::uint8_t cgroup_namespace = 1;
  std::uint8_t has_leaf_dir = 0;
  std::uint8_t tell_fork = 1;      // Send kExecForked; else only its end is told.
  std::uint8_t deny_jit = 0;       // PR_SET_MDWE.
  std::uint64_t bounding = 0;      // What the slot's bounding set has, a bit each.
  std::uint64_t capabilities = 0;  // What the command gets of them, ambient: over its execs.
  std::uint16_t tty_rows = 24;
  std::uint16_t tty_cols = 80;
  Rlimit rlimits[kMaxRlimits] = {};
  char cwd[kPathMax] = {};
  char path[kPathMax] = {};  // PATH by which argv[0] is looked up when it has no slash.
};

struct ExecForked {
  std::uint32_t exec_id = 0;
  std::int32_t inner_pid = 0;  // In the Jail's pid namespace; also its process group and session.
};

struct ExecEnded {
  std::uint32_t exec_id = 0;
  std::int32_t si_code = 0;   // CLD_EXITED, CLD_KILLED or CLD_DUMPED.
  std::int32_t status = 0;    // waitid's si_status (a macro): exit code or signal.
  std::uint64_t user_ns = 0;  // rusage of the leader and the children that it waited for.
  std::uint64_t system_ns = 0;
};

struct SignalExec {
  std::uint32_t exec_id = 0;
  std::int32_t signal = 0;  // Sent to the leader's process group.
};

}  // namespace fabro::jail::wire
