#include "fabro/linux/cgroup/more_limits.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <set>
#include <vector>

#include "fabro/linux/file.h"

namespace fabro::cgroup {
namespace {

constexpr unsigned kMostCores = 8192;  // CONFIG_NR_CPUS_RANGE_END on x86-64.

Error Lacking(std::string_view controller, std::string why, std::string fix, int sys_errno = 0) {
  Error error = Failure(Code::kFailedPrecondition,
                        "layer cgroup." + std::string(controller) + ": " + std::move(why),
                        kUnavailable, std::move(fix));
  error.sys_errno = sys_errno;
  return error;
}

// The cores of "0-2,5"; empty for what is no such list.
std::set<unsigned> CoresOf(std::string_view list) {
  std::set<unsigned> cores;
  while (list.ends_with('\n')) list.remove_suffix(1);
  const char* at = list.data();
  const char* const end = at + list.size();
  while (at < end) {
    unsigned first = 0;
    auto step = std::from_chars(at, end, first);
    unsigned last = first;
    if (step.ec == std::errc() && step.ptr != end && *step.ptr == '-') {
      step = std::from_chars(step.ptr + 1, end, last);
    }
    if (step.ec != std::errc() || last < first || last >= kMostCores) return {};
    for (unsigned core = first; core <= last; ++core) cores.insert(core);
    at = step.ptr;
    if (at != end && *at++ != ',') return {};
  }
  return cores;
}

Status Enable(const Group& group, std::string_view controller) {
  const Member* tree = group.unified();
  if (tree == nullptr || !tree->controllers.Has(Controller::kMemory)) {
    return Lacking(controller, "this machine has its controllers in control groups of version 1",
                   "boot with control groups v2 (systemd.unified_cgroup_hierarchy=1), or leave "
                   "the limit out");
  }
  const Status done = WriteControl(*tree, "cgroup.subtree_control", "+" + std::string(controller));
  if (done || done.error().sys_errno != ENOENT) return done;
  return Lacking(controller, "not delegated to the group that faber runs in",
                 "have it delegated: Delegate=cpu cpuset io memory pids in the unit (for users: "
                 "in user@.service.d)",
                 ENOENT);
}

Status SetCores(const Member& tree, const std::optional<std::string>& cpus) {
  if (!cpus) return WriteControl(tree, "cpuset.cpus", "\n");
  const Status written = WriteControl(tree, "cpuset.cpus", *cpus);
  const int error = written ? 0 : written.error().sys_errno;
  if (!written && error != EINVAL && error != ERANGE) return written;
  // Cores that are there but not ours are taken without a word, and all given when none is left.
  const std::string effective = TRY(ReadControl(tree, "cpuset.cpus.effective"));
  if (written && CoresWithin(*cpus, effective)) return {};
  (void)WriteControl(tree, "cpuset.cpus", "\n");
  const std::string all = TRY(ReadControl(tree, "cpuset.cpus.effective"));
  return Failure(Code::kInvalidArgument,
                 "limits.cpu_set (--cpu-set) '" + *cpus + "': the cores here are " +
                     all.substr(0, all.find('\n')),
                 "spec_invalid", "name some of those");
}

// "8:0" of each whole disk that has a medium.
Result<std::vector<std::string>> Disks() {
  const DirFd block = TRY(OpenDir("/sys/block"));
  const std::vector<std::string> names = TRY(ListDir(block.get()));
  std::vector<std::string> disks;
  for (const std::string& name : names) {
    const auto size = ReadFile("/sys/block/" + name + "/size");
    const auto device = ReadFile("/sys/block/" + name + "/dev");
    if (!size || !device || size->starts_with("0\n")) continue;
    disks.push_back(device->substr(0, device->find('\n')));
  }
  return disks;
}

std::string Rate(const std::optional<ByteSize>& rate) {
  return rate ? std::to_string(rate->bytes()) : "max";
}

Status SetRates(const Member& tree, const MoreLimits& limits) {
  const std::vector<std::string> disks = TRY(Disks());
  for (const std::string& disk : disks) {
    const Status set = WriteControl(
        tree, "io.max", disk + " rbps=" + Rate(limits.io_read) + " wbps=" + Rate(limits.io_write));
    // ENODEV: gone since, or nothing that queues (a RAM disk).
    if (!set && set.error().sys_errno != ENODEV) return set;
  }
  return {};
}

}  // namespace

bool CoresWithin(std::string_view wanted, std::string_view given) {
  const std::set<unsigned> want = CoresOf(wanted);
  const std::set<unsigned> have = CoresOf(given);
  return !want.empty() && std::includes(have.begin(), have.end(), want.begin(), want.end());
}

Status EnableMore(const Group& group, const MoreLimits& limits) {
  if (limits.cpus) TRY(Enable(group, "cpuset"));
  if (limits.io_read || limits.io_write) TRY(Enable(group, "io"));
  return {};
}

Status ApplyMore(const Group& group, const MoreLimits& limits, const MoreLimits& before) {
  if (limits == before) return {};
  const Member* tree = group.unified();
  if (tree == nullptr) return Lacking("io", "there is no v2 tree", "use control groups v2");
  const std::string what = "limits of control group " + group.name();
  if (limits.cpus != before.cpus) TRY_IN(what, SetCores(*tree, limits.cpus));
  if (limits.io_read != before.io_read || limits.io_write != before.io_write) {
    TRY_IN(what, SetRates(*tree, limits));
  }
  return {};
}

}  // namespace fabro::cgroup
