#include "fabro/linux/cgroup/janitor.h"

namespace fabro::cgroup {

Result<JanitorReport> ClearDeadSlots(const JobRoot& root, const IsOwnerAlive& is_owner_alive) {
  const std::uint64_t own_namespace = TRY(OwnPidNamespace());
  const std::vector<std::string> names = TRY(root.jobs().Children());
  JanitorReport report;
  for (const std::string& name : names) {
    const Result<SlotOwner> owner = ParseSlotOwner(name);
    if (!owner || (!is_owner_alive && owner->pid_namespace != own_namespace)) {
      report.unknown.push_back(name);
      continue;
    }
    const Result<bool> alive = is_owner_alive ? is_owner_alive(*owner) : IsAlive(owner->process);
    if (!alive) {
      report.failures.push_back(alive.error());
      continue;
    }
    if (*alive) {
      report.kept.push_back(name);
      continue;
    }
    Status cleared = KillAndRemoveTree(root.jobs(), name);
    if (cleared) {
      report.removed.push_back(name);
    } else {
      report.failures.push_back(std::move(cleared).error());
    }
  }
  return report;
}

}  // namespace fabro::cgroup
