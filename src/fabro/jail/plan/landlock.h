// What Landlock allows in a Jail: a second description of the root beside its mounts, so that a
// mistake in one of them opens nothing (isolation.md 11). Pure.
//
// Read and execute on what the root source shows, read on /etc, read and write in /proc, on the
// device nodes and on writable binds, everything but device nodes in the writable tree; of all else
// directories may be listed and nothing more. TCP is denied whole in network mode `none`; in the
// others no list of ports would say more than the routes do. Signals and abstract sockets stay in
// the Jail.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fabro/base/result.h"

namespace fabro::jail::plan {

struct JailPlan;
struct HostFacts;

// A file that no rule names, readable for everybody but for Landlock: who can read it is not
// confined. The self-test looks at it.
inline constexpr char kLandlockCanary[] = "/run/landlock-canary";

// The least ABI that level high accepts: with ABI 1 nothing can be renamed across directories.
inline constexpr int kLeastLandlockAbi = 2;

struct LandlockRule {
  std::string path;  // Absolute inside; exists once the Jail's mounts stand.
  std::uint64_t access = 0;
  friend bool operator==(const LandlockRule&, const LandlockRule&) = default;
};

struct LandlockPlan {
  int abi = 0;  // Of the kernel, as far as we know its rights; 0: the layer is off.
  std::uint64_t handled_fs = 0;
  std::uint64_t handled_net = 0;
  std::uint64_t scoped = 0;
  std::vector<LandlockRule> rules;
  friend bool operator==(const LandlockPlan&, const LandlockPlan&) = default;
};

// Whether the level wants the layer, and what is to be done where the kernel has too little: an
// Error isolation_unavailable, or a word in plan.degraded. After the mounts are planned.
Status ChooseLandlock(JailPlan& plan, const HostFacts& facts);

// What to do about a kernel with too little of it, by its errno.
std::string LandlockFix(const HostFacts& facts);

}  // namespace fabro::jail::plan
