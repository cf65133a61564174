// What is wanted of a sandbox and of a command in it. Plain values, no operating system: they are
// made by pure functions, compared, printed as JSON (codec) and sent to the jailer after planning.
//
// Words and units follow the isolation engine's specification, sections 2 to 6.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/byte_size.h"
#include "fabro/base/duration.h"
#include "fabro/base/id.h"
#include "fabro/model/egress.h"

namespace fabro::model {

enum class Level { kLow, kMedium, kHigh };
enum class NetworkMode { kNone, kLoopback, kEgress };
enum class Launch { kStrict, kSealed };
enum class WorkspaceKind { kMemory, kDisk };

// "medium" and so on; nullopt for an unknown word.
std::string_view ToString(Level level);
std::string_view ToString(NetworkMode mode);
std::string_view ToString(Launch launch);
std::string_view ToString(WorkspaceKind kind);
std::optional<Level> ParseLevel(std::string_view word);
std::optional<NetworkMode> ParseNetworkMode(std::string_view word);
std::optional<WorkspaceKind> ParseWorkspaceKind(std::string_view word);

// What an Exec, or the whole sandbox, may use. Unset means: no limit of ours.
struct Limits {
  std::optional<ByteSize> memory;           // Hard, no swap.
  std::optional<std::uint32_t> pids;        // Tasks, threads included.
  std::optional<std::uint32_t> cpu_millis;  // Bandwidth: 1000 is one core.
  std::optional<Nanos> cpu_time;            // Summed over all processes of the Exec.
  std::optional<Nanos> wall_time;           // From just before execve.
  std::optional<std::uint32_t> open_files;  // RLIMIT_NOFILE, per process.
  std::optional<ByteSize> output;           // Per stream, counted by the relay.
  // Of the whole sandbox alone, and on control groups v2 alone:
  std::optional<std::string> cpu_set = {};     // Cores that it may run on: "0-2,5".
  std::optional<ByteSize> io_read_rate = {};   // From each disk of the machine, bytes a second.
  std::optional<ByteSize> io_write_rate = {};  // To each.

  friend bool operator==(const Limits&, const Limits&) = default;
};

// The defaults of `faber run` and of the service (isolation 1.1); fabro's environments start from
// an empty Limits instead.
Limits DefaultLimits();

struct Bind {
  HostPath source;
  GuestPath target;
  bool writable = false;
  friend bool operator==(const Bind&, const Bind&) = default;
};

// Where the read-only root comes from: chosen directories of this machine, one unpacked tree, or an
// image, which becomes a tree of the image cache (image/) before a jailer sees it.
struct RootSource {
  enum class Kind { kHostDirs, kDir, kTar, kOci };
  Kind kind = Kind::kHostDirs;
  HostPath dir;     // kDir: the tree; kTar: the archive; kOci: the layout's directory.
  std::string tag;  // kOci; empty: the only image there.
  friend bool operator==(const RootSource&, const RootSource&) = default;
};

// "tar:/x.tar", "oci:/layout:tag" and so on as a RootSource; nullopt: no root source. Only the form
// is looked at; a relative path stays relative.
std::optional<RootSource> ParseRootSource(std::string_view text);
std::string ToString(const RootSource& source);

// The writable tree. Memory: one tmpfs, gone with the Jail. Disk: `dir` of this machine, id-mapped,
// which stays. Besides the workspace itself it carries /tmp, /var/tmp and the home directory.
struct Workspace {
  WorkspaceKind kind = WorkspaceKind::kMemory;
  HostPath dir;                  // kDisk only; must exist and belong to the caller.
  std::optional<ByteSize> size;  // Unset, memory: min(100 MiB, half of the memory limit).
  std::optional<std::uint64_t> inodes =
      {};                     // Files and directories. Unset, memory: one for 16 KiB.
  GuestPath target{"/work"};  // Where the guest sees it.
  friend bool operator==(const Workspace&, const Workspace&) = default;
};

// Changes to what the level says about system calls; names as in docs/user/syscalls.md.
struct SyscallChanges {
  bool allow_ptrace = false;           // At medium; low has it, high never.
  bool deny_file_locks = false;        // Locks on shared read-only files are a covert channel.
  bool deny_process_creation = false;  // Threads alone.
  bool deny_jit = false;               // No memory that is written and then executed.
  std::vector<std::string> allow;      // These get their class of level low; not at high.
  std::vector<std::string> deny;       // These fail with EPERM and are reported.
  // Level low, and what this level would not allow is recorded: `faber policy learn`.
  std::optional<Level> learn;
  friend bool operator==(const SyscallChanges&, const SyscallChanges&) = default;
};

struct SandboxSpec {
  Level level = Level::kMedium;
  std::optional<NetworkMode> network;  // Unset: none at high, loopback below.
  EgressPolicy egress;                 // Of kEgress alone: what may be reached.
  std::optional<Launch> launch;        // Unset: sealed with network none, else strict.
  bool fresh = false;                  // Shares nothing with earlier Jails.
  bool tty = false;                    // Execs may ask for a terminal: a devpts of its own.
  RootSource root;
  std::vector<Bind> binds;
  Workspace workspace;
  // What may be written besides the workspace, private and in the workspace's total. Unset: /tmp,
  // /var/tmp, /dev/shm and the home; a list is exact.
  std::optional<std::vector<GuestPath>> allowed_paths;
  std::vector<GuestPath> blocked_paths;  // Host or image content there is not visible.
  Limits limits;                         // Of the whole sandbox.
  std::string hostname = "sandbox";
  GuestPath home{"/home/agent"};
  std::vector<std::string> degrade;  // Layers that may be missing; each result says which were.
  SyscallChanges syscalls;
  std::vector<std::string> capabilities;  // "CAP_CHOWN"; of its own user namespace (capability.h).
  // What its clocks say when its first command starts (time_namespaces(7)).
  Nanos monotonic_start{0};
  Nanos boottime_start{0};
  friend bool operator==(const SandboxSpec&, const SandboxSpec&) = default;
};

struct ExecSpec {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH inside the root.
  std::vector<std::string> env;   // "NAME=value", the whole environment.
  GuestPath cwd;                  // Empty: the workspace.
  Limits limits;                  // Of this Exec's leaf.
  bool tty = false;
  // After the leader ended: false kills what it left behind; true lets it live on in the sandbox,
  // below the limits of this command, those of time too.
  bool keep_background = false;
  friend bool operator==(const ExecSpec&, const ExecSpec&) = default;
};

}  // namespace fabro::model
