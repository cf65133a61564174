// Where slots come from and go to: new ones with ids that nobody else has, and proven ones that
// wait for the next Jail of their policy, which is made ahead.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/jail/plan/plan.h"
#include "fabro/jail/slots/leases.h"
#include "fabro/jail/supervise/descriptors.h"
#include "fabro/jail/supervise/identity.h"
#include "fabro/jail/supervise/loop.h"
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
  // `kin`: see JobRoot::Open. The loop outlives the pool.
  static Result<std::unique_ptr<SlotPool>> Open(Loop& loop, const std::string& init_program,
                                                std::size_t most_idle, const Identity& identity,
                                                std::span<const pid_t> kin = {});
  ~SlotPool();
  SlotPool(const SlotPool&) = delete;
  SlotPool& operator=(const SlotPool&) = delete;

  // One for that plan, idle or new. plan.spec.fresh: new.
  Result<std::unique_ptr<Slot>> Take(const plan::JailPlan& plan, const plan::HostFacts& facts,
                                     const Sources& sources);
  // Two ids for a process of ours that is no guest. "isolation_unavailable" where all share the
  // caller's own: a guest would be of the same id.
  Result<IdLease> LeaseIds();
  // Kills and removes the slots of dead jailers.
  Status ClearDead();
  // Ends the Jail in the slot, and keeps the slot if it is then proven clean; else destroys it.
  Status GiveBack(std::unique_ptr<Slot> slot, const plan::JailPlan& plan);
  // The same, behind the caller's answer: for a Jail with no guest left. At once if the slot is not
  // to be kept.
  Status Recycle(std::unique_ptr<Slot> slot, const plan::JailPlan& plan);
  // Destroys it whatever it holds.
  Status Destroy(std::unique_ptr<Slot> slot);

  std::size_t idle() const { return idle_.size(); }
  DescriptorBudget& descriptors() { return descriptors_; }
  const std::string& cgroup_mode() const { return cgroup_mode_; }
  const Identity& identity() const { return identity_; }
  int program() const { return program_.get(); }

 private:
  // A slot whose Jail is on its way out.
  struct Ending {
    std::unique_ptr<Slot> slot;
    plan::JailPlan plan;
    Loop::Id watch = 0;
    Loop::Id timer = 0;
  };
  SlotPool(Loop& loop, cgroup::JobRoot jobs, std::optional<IdPool> ids, UniqueFd program,
           std::string cgroup_mode, std::size_t most_idle, const Identity& identity);
  Result<IdLease> Lease(const plan::JailPlan& plan);
  std::unique_ptr<Slot> TakeIdle(const std::string& policy, bool prepared);
  std::unique_ptr<Slot> TakeBusy(const std::string& policy);
  void OnEnd(const Slot* slot);
  Status Keep(std::unique_ptr<Slot> slot, const plan::JailPlan& plan);

  Result<DescriptorBudget::Share> TakeDescriptors();

  DescriptorBudget descriptors_;
  Loop& loop_;
  cgroup::JobRoot jobs_;
  std::optional<IdPool> ids_;  // None where the caller's own id is all there is.
  Identity identity_;
  UniqueFd program_;
  std::string cgroup_mode_;
  std::size_t most_idle_;
  std::uint64_t next_ = 0;
  std::vector<std::unique_ptr<Slot>> idle_;
  std::vector<Ending> ending_;
};

}  // namespace fabro::jail::supervise
