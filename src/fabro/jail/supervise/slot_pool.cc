#include "fabro/jail/supervise/slot_pool.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "fabro/jail/supervise/mounts.h"
#include "fabro/linux/cgroup/janitor.h"
#include "fabro/linux/file.h"

namespace fabro::jail::supervise {
namespace {

const char* ModeName(cgroup::Mode mode) {
  switch (mode) {
    case cgroup::Mode::kV1:
      return "v1";
    case cgroup::Mode::kV2:
      return "v2";
    case cgroup::Mode::kHybrid:
      return "hybrid";
  }
  return "?";
}

// Looking for ids that are free again reads all of /proc. Who lives for one Jail leaves that to
// Acquire(), which does it when enough has gathered.
Result<IdPool> OpenIds(bool reclaim) {
  const std::string file = TRY(DefaultLeaseFile());
  const IdFacts facts = TRY(ReadIdFacts());
  const IdRange block = TRY(ChooseBlock(facts));
  IdPool ids = TRY(IdPool::Open(file, block));
  if (reclaim) TRY(ids.Reclaim());
  return ids;
}

}  // namespace

SlotPool::SlotPool(cgroup::JobRoot jobs, IdPool ids, UniqueFd program, std::string cgroup_mode,
                   std::size_t most_idle)
    : jobs_(std::move(jobs)),
      ids_(std::move(ids)),
      program_(std::move(program)),
      cgroup_mode_(std::move(cgroup_mode)),
      most_idle_(most_idle) {}

Result<std::unique_ptr<SlotPool>> SlotPool::Open(const std::string& init_program,
                                                 std::size_t most_idle,
                                                 std::span<const pid_t> kin) {
  const cgroup::Hierarchy hierarchy = TRY(cgroup::Detect());
  cgroup::JobRoot jobs = TRY(cgroup::JobRoot::Open(hierarchy, ::geteuid(), kin));
  TRY(cgroup::ClearDeadSlots(jobs));
  IdPool ids = TRY_IN("leasing ids", OpenIds(most_idle > 0));
  const UniqueFd file = TRY_IN("reading faber-init", fabro::Open(init_program, O_RDONLY));
  UniqueFd program = TRY_IN("reading faber-init", SealedCopy("faber-init", file.get()));
  return std::unique_ptr<SlotPool>(new SlotPool(std::move(jobs), std::move(ids), std::move(program),
                                                ModeName(hierarchy.mode), most_idle));
}

Status SlotPool::ClearDead() {
  TRY(cgroup::ClearDeadSlots(jobs_));
  return {};
}

Result<std::unique_ptr<Slot>> SlotPool::Take(const plan::JailPlan& plan,
                                             const plan::HostFacts& facts, const Sources& sources) {
  while (!plan.spec.fresh) {
    const auto found = std::find_if(idle_.begin(), idle_.end(), [&](const auto& slot) {
      return slot->policy() == plan.policy;
    });
    if (found == idle_.end()) break;
    std::unique_ptr<Slot> slot = std::move(*found);
    idle_.erase(found);
    if (slot->Idle()) return slot;  // Else its zygote was killed while it waited.
  }
  const std::string id = "s" + std::to_string(next_++);
  IdLease lease = TRY_IN("leasing ids", ids_.Acquire());
  std::unique_ptr<Slot> slot =
      TRY(Slot::Start(jobs_, id, std::move(lease), program_.get(), plan, facts, sources));
  if (most_idle_ > 0 && !plan.spec.fresh) slot->ExpectMore();
  return slot;
}

Status SlotPool::GiveBack(std::unique_ptr<Slot> slot, bool fresh) {
  if (fresh || most_idle_ == 0 || !slot->ProveClean()) return Destroy(std::move(slot));
  // The one that has waited longest makes room.
  if (idle_.size() >= most_idle_) idle_.erase(idle_.begin());
  idle_.push_back(std::move(slot));
  return {};
}

Status SlotPool::Destroy(std::unique_ptr<Slot> slot) { return slot->Destroy(); }

}  // namespace fabro::jail::supervise
