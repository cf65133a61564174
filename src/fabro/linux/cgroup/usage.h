// What the processes of a group used, and which limits they met. Numbers are the kernel's, never
// estimates: what cannot be known is absent.
#pragma once

#include <cstdint>
#include <optional>

#include "fabro/base/byte_size.h"
#include "fabro/base/duration.h"
#include "fabro/base/result.h"
#include "fabro/linux/cgroup/group.h"

namespace fabro::cgroup {

// Counters as the kernel has them; most only ever grow, so that a reused leaf reports differences.
struct Counters {
  std::uint64_t memory_current = 0;                // Bytes.
  std::optional<std::uint64_t> memory_peak = {};   // v2: Linux 5.19.
  std::optional<std::uint64_t> memory_limit = {};  // v1 only: whose OOM it was is told by it.
  std::uint64_t memory_limit_hits = 0;  // The own limit was met. v1 of Linux 6.18 leaves it at 0.
  std::uint64_t oom_events = 0;         // v2 only: the own limit called the OOM killer.
  std::uint64_t oom_kills = 0;          // Processes of the group, whoever's limit it was.
  std::uint64_t cpu_ns = 0;
  std::uint64_t cpu_user_ns = 0;
  std::uint64_t cpu_system_ns = 0;
  std::uint64_t throttled_periods = 0;
  std::uint64_t throttled_ns = 0;
  std::uint64_t pids_current = 0;
  std::optional<std::uint64_t> pids_peak = {};  // Linux 6.1.
  std::uint64_t pids_limit_hits = 0;            // Forks refused.
  std::optional<std::uint64_t> io_read = {};    // Bytes; where io is counted (more_limits.h).
  std::optional<std::uint64_t> io_written = {};
};

// memory_current and pids_current alone, anew.
Status ReadCurrent(const Group& group, Counters& counters);
Result<Counters> ReadCounters(const Group& group);
// Counters::oom_events and Counters::pids_current alone, 0 where nothing counts them.
Result<std::uint64_t> ReadOomEvents(const Group& group);
Result<std::uint64_t> ReadPidsCurrent(const Group& group);

// Whose limit the OOM killer enforced (isolation.md 5.3).
enum class OomSource {
  kNone,
  kOwn,       // The group's limit: the guest used too much.
  kAncestor,  // A limit above, or the machine's: an operator's problem, not the guest's.
};

struct Usage {
  ByteSize memory_current;
  std::optional<ByteSize> memory_peak;
  OomSource oom = OomSource::kNone;
  std::uint64_t oom_kills = 0;  // At least one when there was one; v2 counts a victim twice.
  std::uint64_t memory_limit_hits = 0;
  Nanos cpu_time{};
  Nanos cpu_user{};
  Nanos cpu_system{};
  std::uint64_t throttled_periods = 0;
  Nanos throttled_time{};
  std::uint64_t pids_current = 0;
  // Absent also in a reused leaf whose earlier life had the higher peak: the kernel keeps one
  // number.
  std::optional<std::uint64_t> pids_peak;
  std::uint64_t pids_limit_hits = 0;
  std::optional<ByteSize> io_read;  // From and to disks, where that is counted.
  std::optional<ByteSize> io_written;
};

// What happened between two readings of one group. `version`: of the memory controller.
Usage UsageBetween(const Counters& before, const Counters& after, Version version);

}  // namespace fabro::cgroup
