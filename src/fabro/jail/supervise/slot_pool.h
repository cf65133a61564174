// Where slots come from and go to: new ones with ids that nobody else has, and proven ones that
// wait for the next Jail of their policy.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/jail/plan/plan.h"
#include "fabro/jail/slots/leases.h"
#include "fabro/jail/supervise/slot.h"
#include "fabro/jail/supervise/sources.h"
#include "fabro/linux/cgroup/hierarchy.h"
#include "fabro/linux/cgroup/job_root.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::jail::supervise {

class SlotPool {
 public:
  // Finds the control groups, clears what dead owners left (groups and leases of ids), and makes
  // the sealed copy of the program at `init_program`. At most `most_idle` slots are kept between
  // Jails.
  // `kin`: see JobRoot::Open.
  static Result<std::unique_ptr<SlotPool>> Open(const std::string& init_program,
                                                std::size_t most_idle,
                                                std::span<const pid_t> kin = {});
  SlotPool(const SlotPool&) = delete;
  SlotPool& operator=(const SlotPool&) = delete;

  // One for that plan, idle or new. plan.spec.fresh: new.
  Result<std::unique_ptr<Slot>> Take(const plan::JailPlan& plan, const plan::HostFacts& facts,
                                     const Sources& sources);
  // Kills and removes the slots of dead jailers.
  Status ClearDead();
  // Of a slot whose Jail has ended: kept if it is proven clean, else destroyed.
  Status GiveBack(std::unique_ptr<Slot> slot, bool fresh);
  // Destroys it whatever it holds.
  Status Destroy(std::unique_ptr<Slot> slot);

  std::size_t idle() const { return idle_.size(); }
  const std::string& cgroup_mode() const { return cgroup_mode_; }
  int program() const { return program_.get(); }

 private:
  SlotPool(cgroup::JobRoot jobs, IdPool ids, UniqueFd program, std::string cgroup_mode,
           std::size_t most_idle);

  cgroup::JobRoot jobs_;
  IdPool ids_;
  UniqueFd program_;
  std::string cgroup_mode_;
  std::size_t most_idle_;
  std::uint64_t next_ = 0;
  std::vector<std::unique_ptr<Slot>> idle_;
};

}  // namespace fabro::jail::supervise
