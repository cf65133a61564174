#include "fabro/linux/cgroup/usage.h"

#include <cerrno>
#include <charconv>
#include <limits>
#include <string>

namespace fabro::cgroup {
namespace {

constexpr std::uint64_t kNanosPerMicro = 1000;

// A file that older kernels lack.
Result<std::optional<std::uint64_t>> ReadOptional(const Member& member, const char* file) {
  const Result<std::uint64_t> value = ReadNumber(member, file);
  if (value) return std::optional<std::uint64_t>(*value);
  if (value.error().sys_errno == ENOENT) return std::optional<std::uint64_t>();
  return value.error();
}

Status ReadMemoryV1(const Member& member, Counters& counters) {
  counters.memory_current = TRY(ReadNumber(member, "memory.usage_in_bytes"));
  counters.memory_peak = TRY(ReadOptional(member, "memory.max_usage_in_bytes"));
  counters.memory_limit = TRY(ReadNumber(member, "memory.limit_in_bytes"));
  // With equal limits of memory and of memory+swap only the second counts its hits, if any does.
  const std::uint64_t failed = TRY(ReadNumber(member, "memory.failcnt"));
  const std::optional<std::uint64_t> swap = TRY(ReadOptional(member, "memory.memsw.failcnt"));
  counters.memory_limit_hits = failed + swap.value_or(0);
  const std::string oom = TRY(ReadControl(member, "memory.oom_control"));
  counters.oom_kills = FindKey(oom, "oom_kill").value_or(0);
  return {};
}

Status ReadMemoryV2(const Member& member, Counters& counters) {
  counters.memory_current = TRY(ReadNumber(member, "memory.current"));
  counters.memory_peak = TRY(ReadOptional(member, "memory.peak"));
  const std::string events = TRY(ReadControl(member, "memory.events.local"));
  counters.memory_limit_hits = FindKey(events, "max").value_or(0);
  counters.oom_events = FindKey(events, "oom").value_or(0);
  counters.oom_kills = FindKey(events, "oom_kill").value_or(0);
  return {};
}

Status ReadPids(const Member& member, Counters& counters) {
  counters.pids_current = TRY(ReadNumber(member, "pids.current"));
  counters.pids_peak = TRY(ReadOptional(member, "pids.peak"));
  const std::string events = TRY(ReadControl(member, "pids.events"));
  counters.pids_limit_hits = FindKey(events, "max").value_or(0);
  return {};
}

Status ReadCpuTime(const Group& group, Counters& counters) {
  if (const Member* tree = group.unified()) {
    const std::string stat = TRY(ReadControl(*tree, "cpu.stat"));
    counters.cpu_ns = FindKey(stat, "usage_usec").value_or(0) * kNanosPerMicro;
    counters.cpu_user_ns = FindKey(stat, "user_usec").value_or(0) * kNanosPerMicro;
    counters.cpu_system_ns = FindKey(stat, "system_usec").value_or(0) * kNanosPerMicro;
    return {};
  }
  const Member* cpuacct = group.Find(Controller::kCpuacct);
  if (cpuacct == nullptr) return {};
  counters.cpu_ns = TRY(ReadNumber(*cpuacct, "cpuacct.usage"));
  counters.cpu_user_ns = TRY(ReadNumber(*cpuacct, "cpuacct.usage_user"));
  counters.cpu_system_ns = TRY(ReadNumber(*cpuacct, "cpuacct.usage_sys"));
  return {};
}

Status ReadThrottling(const Member& cpu, Counters& counters) {
  const std::string stat = TRY(ReadControl(cpu, "cpu.stat"));
  counters.throttled_periods = FindKey(stat, "nr_throttled").value_or(0);
  counters.throttled_ns = cpu.version == Version::kV2
                              ? FindKey(stat, "throttled_usec").value_or(0) * kNanosPerMicro
                              : FindKey(stat, "throttled_time").value_or(0);
  return {};
}

// "8:0 rbytes=1 wbytes=2 rios=3 …", a line a disk that was used.
std::uint64_t SumOf(std::string_view stat, std::string_view key) {
  std::uint64_t sum = 0;
  for (std::size_t at = stat.find(key); at != std::string_view::npos; at = stat.find(key, at)) {
    at += key.size();
    std::uint64_t value = 0;
    std::from_chars(stat.data() + at, stat.data() + stat.size(), value);
    sum += value;
  }
  return sum;
}

Status ReadIo(const Member& tree, Counters& counters) {
  if (!HasControl(tree, "io.stat")) return {};
  const std::string stat = TRY(ReadControl(tree, "io.stat"));
  counters.io_read = SumOf(stat, " rbytes=");
  counters.io_written = SumOf(stat, " wbytes=");
  return {};
}

// v1 has no count of its own OOMs, and its failcnt may stay 0 (seen on 6.18). A group whose own
// limit killed had its peak there: an allocation that may call the OOM killer is of order 3 at
// most.
bool MetOwnLimitV1(const Counters& after) {
  constexpr std::uint64_t kLargestAllocation = 32 * 1024;
  return after.memory_peak.value_or(0) + kLargestAllocation >=
         after.memory_limit.value_or(std::numeric_limits<std::uint64_t>::max());
}

OomSource SourceOf(const Counters& before, const Counters& after, Version version) {
  if (after.oom_kills == before.oom_kills) return OomSource::kNone;
  const bool own =
      version == Version::kV2 ? after.oom_events > before.oom_events : MetOwnLimitV1(after);
  return own ? OomSource::kOwn : OomSource::kAncestor;
}

Nanos Span(std::uint64_t before, std::uint64_t after) {
  // The parts of CPU time are scaled by the kernel and may step back by a tick.
  return Nanos(after > before ? static_cast<Nanos::rep>(after - before) : 0);
}

}  // namespace

Result<Counters> ReadCounters(const Group& group) {
  Counters counters;
  const std::string what = "reading control group " + group.name();
  if (const Member* memory = group.Find(Controller::kMemory)) {
    TRY_IN(what, memory->version == Version::kV2 ? ReadMemoryV2(*memory, counters)
                                                 : ReadMemoryV1(*memory, counters));
  }
  if (const Member* pids = group.Find(Controller::kPids)) TRY_IN(what, ReadPids(*pids, counters));
  TRY_IN(what, ReadCpuTime(group, counters));
  if (const Member* cpu = group.Find(Controller::kCpu))
    TRY_IN(what, ReadThrottling(*cpu, counters));
  // The v2 tree of a hybrid host never has it.
  const Member* tree = group.unified();
  if (tree != nullptr && !tree->controllers.empty()) TRY_IN(what, ReadIo(*tree, counters));
  return counters;
}

Status ReadCurrent(const Group& group, Counters& counters) {
  if (const Member* memory = group.Find(Controller::kMemory)) {
    const bool v2 = memory->version == Version::kV2;
    counters.memory_current =
        TRY(ReadNumber(*memory, v2 ? "memory.current" : "memory.usage_in_bytes"));
  }
  counters.pids_current = TRY(ReadPidsCurrent(group));
  return {};
}

Result<std::uint64_t> ReadOomEvents(const Group& group) {
  const Member* memory = group.Find(Controller::kMemory);
  if (memory == nullptr || memory->version != Version::kV2) return std::uint64_t{0};
  const std::string events = TRY(ReadControl(*memory, "memory.events.local"));
  return FindKey(events, "oom").value_or(0);
}

Result<std::uint64_t> ReadPidsCurrent(const Group& group) {
  const Member* pids = group.Find(Controller::kPids);
  if (pids == nullptr) return std::uint64_t{0};
  return ReadNumber(*pids, "pids.current");
}

Usage UsageBetween(const Counters& before, const Counters& after, Version version) {
  Usage usage;
  usage.memory_current = ByteSize(after.memory_current);
  if (after.memory_peak) usage.memory_peak = ByteSize(*after.memory_peak);
  usage.oom = SourceOf(before, after, version);
  usage.oom_kills = after.oom_kills - before.oom_kills;
  usage.memory_limit_hits = after.memory_limit_hits - before.memory_limit_hits;
  usage.cpu_time = Span(before.cpu_ns, after.cpu_ns);
  usage.cpu_user = Span(before.cpu_user_ns, after.cpu_user_ns);
  usage.cpu_system = Span(before.cpu_system_ns, after.cpu_system_ns);
  usage.throttled_periods = after.throttled_periods - before.throttled_periods;
  usage.throttled_time = Span(before.throttled_ns, after.throttled_ns);
  usage.pids_current = after.pids_current;
  if (after.pids_peak && *after.pids_peak > before.pids_peak.value_or(0)) {
    usage.pids_peak = after.pids_peak;
  }
  usage.pids_limit_hits = after.pids_limit_hits - before.pids_limit_hits;
  if (after.io_read) usage.io_read = ByteSize(*after.io_read - before.io_read.value_or(0));
  if (after.io_written) {
    usage.io_written = ByteSize(*after.io_written - before.io_written.value_or(0));
  }
  return usage;
}

}  // namespace fabro::cgroup
