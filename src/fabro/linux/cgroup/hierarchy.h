// Which control groups this machine has for us: where the controllers are, and our own place in
// each.
//
// Three shapes (isolation.md 5.1): v2 (one tree), v1 (a tree a controller), hybrid (controllers in
// v1, beside a v2 tree that may have none). Hybrid gets a path of its own: the v2 tree still offers
// cgroup.kill, cgroup.events and CPU time, the v1 trees the limits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/result.h"

namespace fabro::cgroup {

enum class Version { kV1, kV2 };
enum class Mode { kV1, kV2, kHybrid };

// Those that we use. kCpuacct and kFreezer are of v1 only: every v2 group has cpu.stat and
// cgroup.freeze.
enum class Controller : std::uint8_t { kCpu, kCpuacct, kMemory, kPids, kFreezer };

std::string_view ControllerName(Controller controller);

class ControllerSet {
 public:
  constexpr ControllerSet() = default;
  constexpr void Add(Controller c) { bits_ |= Bit(c); }
  constexpr bool Has(Controller c) const { return (bits_ & Bit(c)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  friend bool operator==(ControllerSet, ControllerSet) = default;

 private:
  static constexpr unsigned Bit(Controller c) { return 1U << static_cast<unsigned>(c); }
  unsigned bits_ = 0;
};

// One mounted tree that we need, and the group in it that the calling process is in.
struct Place {
  Version version = Version::kV2;
  std::string mount_point;  // "/sys/fs/cgroup/memory"
  std::string own_path;     // Below the mount point, "" for its root: "system.slice/fabro.service".
  ControllerSet controllers;  // That we use here; empty for the v2 tree of a hybrid host.

  friend bool operator==(const Place&, const Place&) = default;
};

struct Hierarchy {
  Mode mode = Mode::kV2;
  std::vector<Place> places;  // The v2 tree first, when there is one.

  friend bool operator==(const Hierarchy&, const Hierarchy&) = default;
};

// The reason of every Error that says control groups cannot be had; `fix` says what to do.
inline constexpr char kUnavailable[] = "cgroup_unavailable";

// Reads /proc/self/cgroup, /proc/self/mountinfo and the own group's cgroup.controllers. Fails with
// "cgroup_unavailable" where cpu, memory and pids are not all to be had, or no way to kill a group.
Result<Hierarchy> Detect();

// The same from texts of those two files; their mount points are looked at (for tests: a made-up
// tree).
Result<Hierarchy> DetectFrom(std::string_view proc_cgroup, std::string_view mountinfo);

}  // namespace fabro::cgroup
