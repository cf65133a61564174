// From what is wanted to what will be done: SandboxSpec + HostFacts -> JailPlan, ExecSpec +
// JailPlan -> ExecPlan. Pure: no system call, no clock; the same input gives the same plan.
//
// The caller plans to give early errors, the jailer plans again from what came over the socket and
// believes only that (isolation.md 2.1). Each Error names the field and the flag of `faber run`:
// spec_invalid, bind_refused, rootfs_refused, workspace_refused,
// isolation_unavailable, cgroup_unavailable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/jail/plan/landlock.h"
#include "fabro/model/sandbox.h"

namespace fabro::jail::plan {

// A path of this machine, as the jailer found it behind an O_PATH descriptor.
struct SourceFacts {
  enum class Kind { kDirectory, kFile, kSymlink, kOther };
  Kind kind = Kind::kOther;
  std::string path;  // As the kernel names it now, without links.
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t mode = 0;  // Permission bits.
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  bool kernel_interface = false;  // On proc, sysfs, cgroup, devtmpfs and their like.
};

// One name of the root that a RootSource would show.
struct RootEntry {
  enum class Kind { kDirectory, kFile, kSymlink };
  std::string path;  // Inside: "/usr".
  Kind kind = Kind::kDirectory;
  std::string link;  // kSymlink: its text.
};

// What a name means inside the root that is shown, or inside a bind.
struct PlaceFacts {
  enum class Kind { kNothing, kDirectory, kFile };
  Kind kind = Kind::kNothing;
  std::string resolved;  // Absolute inside, without links; empty: nothing is there.
};

struct InheritedLimit {
  std::uint32_t resource = 0;  // RLIMIT_…
  std::uint64_t hard = 0;
};

struct HostFacts {
  std::uint32_t uid = 0;                 // Of the caller and its jailer.
  std::vector<RootEntry> root_entries;   // In the order in which they are to be made.
  std::optional<SourceFacts> root_dir;   // Of RootSource::kDir.
  std::optional<SourceFacts> workspace;  // Of a disk workspace: a directory, or an image of one.
  std::vector<SourceFacts> binds;        // One for each of SandboxSpec::binds.
  std::vector<PlaceFacts> allowed;       // One for each of SandboxSpec::allowed_paths.
  std::vector<PlaceFacts> blocked;       // One for each of SandboxSpec::blocked_paths.
  std::vector<InheritedLimit> limits;    // Hard limits that we cannot exceed; absent: unlimited.
  int landlock_abi = 0;                  // Of the kernel; 0: it gives none.
  int landlock_errno = 0;                // Why.
};

// One step of building the root; wire::MountStep with the source still to be opened.
struct MountPlan {
  // kCover: a file of ours, with `text`, over one that is there. kEmptyDirectory: the same for a
  // directory.
  enum class Kind { kDirectory, kSymlink, kFile, kMount, kDevices, kCover, kEmptyDirectory };
  enum class From { kNothing, kText, kRootEntry, kBind };
  Kind kind = Kind::kDirectory;
  std::string target;  // Absolute inside.
  std::string text;    // kSymlink: where to; kFile, kCover: its content.
  std::uint32_t mode = 0755;
  From from = From::kNothing;  // kMount: what is mounted.
  std::size_t index = 0;       // kBind: of which bind.
  bool writable = false;
  friend bool operator==(const MountPlan&, const MountPlan&) = default;
};

struct RlimitPlan {
  std::uint32_t resource = 0;
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
  friend bool operator==(const RlimitPlan&, const RlimitPlan&) = default;
};

// One place of the writable tree: the directory `name` of it, at `target`.
struct WritablePlace {
  std::string name;
  std::string target;  // Absolute inside.
  std::uint32_t mode = 0755;
  friend bool operator==(const WritablePlace&, const WritablePlace&) = default;
};

inline constexpr std::uint32_t kSetupId = 0;    // Inner ids: zygote and init,
inline constexpr std::uint32_t kTaskId = 1000;  // and the guest, "agent".

struct JailPlan {
  model::SandboxSpec spec;  // With every open choice made: network, launch, workspace.size.
  std::vector<MountPlan> mounts;
  std::vector<WritablePlace> places;  // The workspace first.
  std::uint64_t tmpfs_inodes = 0;     // Of a writable tree with a byte limit.
  std::uint64_t shm_size = 0;         // Of /dev/shm beside a disk workspace.
  std::string workspace_limit;        // "tmpfs", "loop", "quota" or "none".
  LandlockPlan landlock;
  std::vector<model::IpRange> local_routes;  // Network mode egress: what stands for outside.
  std::vector<std::string> degraded;
  std::uint64_t capabilities = 0;    // One bit each (model/capability.h).
  bool set_gid = false;              // The guest may set S_ISGID (decision 0009).
  std::vector<std::string> notices;  // What loads and probably is not meant: a word, then why.
  // Two Jails may have the same slot one after the other when these texts are equal.
  std::string policy;
};

struct ExecPlan {
  model::ExecSpec spec;  // cwd filled in, limits clamped to the sandbox's.
  std::string path;      // Where argv[0] is looked up.
  std::vector<RlimitPlan> rlimits;
};

// How many files and directories a writable tree of that size may hold (isolation 4.1).
std::uint64_t InodesOf(ByteSize size);

// What can be said without knowing the machine: for the caller, before a jailer is started.
Status CheckSandbox(const model::SandboxSpec& spec);
Status CheckExec(const model::ExecSpec& spec);

Result<JailPlan> PlanJail(const model::SandboxSpec& spec, const HostFacts& facts);
Result<ExecPlan> PlanExec(const model::ExecSpec& spec, const JailPlan& jail,
                          const HostFacts& facts);

// Directories of this machine that RootSource::kHostDirs shows, and entries of /etc; a jailer looks
// at them to fill HostFacts::root_entries. Those missing are left out.
const std::vector<std::string>& HostDirs();
const std::vector<std::string>& HostEtc();

}  // namespace fabro::jail::plan
