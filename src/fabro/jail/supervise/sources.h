// What the jailer knows of this machine for a plan, and the detached mounts that a plan asks for.
//
// Every source is an open O_PATH descriptor before it is looked at, and the same descriptor is what
// is mounted: no name is resolved twice (isolation.md 4.3). Mounts are detached, private, nosuid
// and nodev from the start; nothing half-configured is reachable by name.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/jail/child/wire.h"
#include "fabro/jail/plan/plan.h"
#include "fabro/linux/unique_fd.h"
#include "fabro/model/sandbox.h"

namespace fabro::jail::supervise {

// The descriptors that came with a SandboxSpec.
struct Sources {
  UniqueFd root_dir;   // RootSource::kDir
  UniqueFd workspace;  // WorkspaceKind::kDisk
  std::vector<UniqueFd> binds;
};

// In the order of protocol kCreate; their number must be right. `reopen`: see OpenInOwnNamespace.
Result<Sources> TakeSources(const model::SandboxSpec& spec, std::vector<UniqueFd> fds,
                            bool reopen = false);

// What the kernel calls an open file: its absolute path now (proc_pid_fd(5)).
Result<std::string> KernelName(int fd);

Result<plan::HostFacts> GatherFacts(const model::SandboxSpec& spec, const Sources& sources);

// The host ids of a slot.
struct SlotIds {
  std::uint32_t setup = 0;
  std::uint32_t task = 0;
  // The caller's own for both: all that a user without subordinate ids has (isolation.md 12, d).
  bool one() const { return setup == task; }
  bool mappable = true;  // Only root of the host may map the ids of a mount.
};

// A BuildSlot's tail: the steps and their descriptors. `unmapped` is set when a read-only bind had
// to keep its ids.
struct BuiltSteps {
  std::vector<wire::MountStep> steps;
  std::vector<UniqueFd> fds;
  bool unmapped = false;
};
Result<BuiltSteps> BuildSteps(const plan::JailPlan& plan, const plan::HostFacts& facts,
                              const Sources& sources, const SlotIds& ids);

// The disk workspace with a directory for each place, idmapped so that its owner is the guest's
// user.
Result<UniqueFd> MountDiskWorkspace(const plan::JailPlan& plan, const plan::HostFacts& facts,
                                    const Sources& sources, const SlotIds& ids);

}  // namespace fabro::jail::supervise
