#include "fabro/linux/cgroup/limits.h"

#include <algorithm>
#include <cerrno>
#include <string>

#include "fabro/linux/file.h"

namespace fabro::cgroup {
namespace {

constexpr std::uint64_t kCpuPeriodUs = 100'000;
constexpr std::uint32_t kLeastCpuMilli = 10;  // The kernel's least quota is 1 ms a period.

// Without a limit file for swap, memory is limited only if the machine has no swap to go to.
Status RefuseUnlimitedSwap() {
  const Result<std::string> swaps = ReadFile("/proc/swaps");
  const bool none = swaps && std::count(swaps->begin(), swaps->end(), '\n') <= 1;  // A header line.
  if (none) return {};
  return Failure(Code::kFailedPrecondition,
                 "control groups: swap is on and this kernel does not limit it", kUnavailable,
                 "boot with swapaccount=1, or turn swap off: swapoff -a");
}

Status SetMemoryV1(const Member& member, const std::optional<ByteSize>& memory) {
  const std::string limit = memory ? std::to_string(memory->bytes()) : "-1";
  const bool swap = HasControl(member, "memory.memsw.limit_in_bytes");
  // The sum of memory and swap may never be below the memory limit (EINVAL), so it is lifted first.
  if (swap) TRY(WriteControl(member, "memory.memsw.limit_in_bytes", "-1"));
  TRY(WriteControl(member, "memory.limit_in_bytes", limit));
  if (swap && memory) TRY(WriteControl(member, "memory.memsw.limit_in_bytes", limit));
  if (!swap && memory) TRY(RefuseUnlimitedSwap());
  return {};
}

Status SetMemoryV2(const Member& member, const std::optional<ByteSize>& memory,
                   bool kill_together) {
  TRY(WriteControl(member, "memory.max", memory ? std::to_string(memory->bytes()) : "max"));
  const char* swap = memory ? "0" : "max";
  if (HasControl(member, "memory.swap.max")) {
    TRY(WriteControl(member, "memory.swap.max", swap));
  } else if (memory) {
    TRY(RefuseUnlimitedSwap());
  }
  if (HasControl(member, "memory.zswap.max")) TRY(WriteControl(member, "memory.zswap.max", swap));
  return WriteControl(member, "memory.oom.group", memory && kill_together ? "1" : "0");
}

Status SetCpu(const Member& member, const std::optional<std::uint32_t>& cpu_milli) {
  if (cpu_milli && *cpu_milli < kLeastCpuMilli) {
    return Failure(Code::kInvalidArgument, "cpu limit is below 10 thousandths of a core");
  }
  const std::uint64_t quota = cpu_milli ? *cpu_milli * kCpuPeriodUs / 1000 : 0;
  const std::string period = std::to_string(kCpuPeriodUs);
  if (member.version == Version::kV2) {
    return WriteControl(member, "cpu.max",
                        (quota != 0 ? std::to_string(quota) : "max") + " " + period);
  }
  TRY(WriteControl(member, "cpu.cfs_quota_us", "-1"));
  if (quota == 0) return {};
  TRY(WriteControl(member, "cpu.cfs_period_us", period));
  return WriteControl(member, "cpu.cfs_quota_us", std::to_string(quota));
}

}  // namespace

Status ApplyLimits(const Group& group, const Limits& limits) {
  const std::string what = "limits of control group " + group.name();
  if (const Member* memory = group.Find(Controller::kMemory)) {
    TRY_IN(what, memory->version == Version::kV2
                     ? SetMemoryV2(*memory, limits.memory, limits.kill_together)
                     : SetMemoryV1(*memory, limits.memory));
  }
  if (const Member* pids = group.Find(Controller::kPids)) {
    const std::string value = limits.pids ? std::to_string(*limits.pids) : "max";
    TRY_IN(what, WriteControl(*pids, "pids.max", value));
  }
  if (const Member* cpu = group.Find(Controller::kCpu))
    TRY_IN(what, SetCpu(*cpu, limits.cpu_milli));
  return {};
}

}  // namespace fabro::cgroup
