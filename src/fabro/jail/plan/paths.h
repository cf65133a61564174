// allowed_paths and blocked_paths (isolation 4.4): what a guest may write besides its workspace,
// and what of the host or the image it does not see. Pure.
//
//   allowed   private places of the writable tree; unset: /tmp, /var/tmp, /dev/shm and the home
//   blocked   host or image content at or below is not visible; applied last
//
// The longest prefix wins, on equal length blocked does. The engine's own objects stay: /proc,
// /dev, an empty /sys, the generated files of /etc, the workspace. Inside a private place nothing
// of the host is, so blocking a path there changes nothing.
#pragma once

#include <string>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/jail/plan/plan.h"
#include "fabro/model/sandbox.h"

namespace fabro::jail::plan {

// For CheckSandbox: forms, numbers and places that cannot be had.
Status CheckPaths(const model::SandboxSpec& spec);

// The places of the writable tree, the workspace first. Names are stable: a disk workspace is found
// again by them.
Result<std::vector<WritablePlace>> PlanPlaces(const model::SandboxSpec& spec,
                                              const HostFacts& facts);

// The guest may write there.
bool IsWritable(const std::vector<WritablePlace>& places, std::string_view path);

// The root entry is neither blocked nor replaced by a private place.
bool IsShown(const model::SandboxSpec& spec, const HostFacts& facts, const RootEntry& entry);

// Directories that stand for blocked tops, to be made before everything else.
std::vector<MountPlan> PlanPlaceholders(const model::SandboxSpec& spec, const HostFacts& facts,
                                        const std::vector<WritablePlace>& places);
// Masks over blocked content inside what is shown, to be made after it.
std::vector<MountPlan> PlanMasks(const model::SandboxSpec& spec, const HostFacts& facts);

// No directory of programs is visible any more.
bool NoProgramReachable(const model::SandboxSpec& spec, const HostFacts& facts);

}  // namespace fabro::jail::plan
