// Clears what a crash left: at start-up, groups of slots whose owner is dead are killed and
// removed.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/linux/cgroup/job_root.h"

namespace fabro::cgroup {

struct JanitorReport {
  std::vector<std::string> removed;
  std::vector<std::string> kept;  // Their owner lives.
  std::vector<std::string>
      unknown;  // No owner in the name, or one of another pid namespace: left alone.
  std::vector<Error> failures;  // One a group that could not be cleared.
};

using IsOwnerAlive = std::function<Result<bool>(const SlotOwner&)>;

// Looks once; groups of living owners are not touched, so it may run while others make slots. One
// failure does not stop the rest. `is_owner_alive` is for tests.
Result<JanitorReport> ClearDeadSlots(const JobRoot& root, const IsOwnerAlive& is_owner_alive = {});

}  // namespace fabro::cgroup
