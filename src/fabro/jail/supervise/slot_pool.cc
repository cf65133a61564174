#include "fabro/jail/supervise/slot_pool.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
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
Result<std::optional<IdPool>> OpenIds(bool reclaim, const Identity& identity) {
  if (identity.kind == Identity::Kind::kCaller) return std::optional<IdPool>();
  const std::string file = TRY(DefaultLeaseFile(identity.uid));
  IdRange block = identity.ids;
  if (!identity.rootless()) {
    const IdFacts facts = TRY(ReadIdFacts());
    block = TRY(ChooseBlock(facts));
  }
  IdPool ids = TRY(IdPool::Open(file, block));
  if (reclaim) TRY(ids.Reclaim());
  return std::optional<IdPool>(std::move(ids));
}

}  // namespace

SlotPool::SlotPool(Loop& loop, cgroup::JobRoot jobs, std::optional<IdPool> ids, UniqueFd program,
                   std::string cgroup_mode, std::size_t most_idle, const Identity& identity)
    : loop_(loop),
      jobs_(std::move(jobs)),
      ids_(std::move(ids)),
      identity_(identity),
      program_(std::move(program)),
      cgroup_mode_(std::move(cgroup_mode)),
      most_idle_(most_idle) {}

SlotPool::~SlotPool() {
  for (Ending& ending : ending_) {
    loop_.Remove(ending.watch);
    loop_.Remove(ending.timer);
  }
}

Result<std::unique_ptr<SlotPool>> SlotPool::Open(Loop& loop, const std::string& init_program,
                                                 std::size_t most_idle, const Identity& identity,
                                                 std::span<const pid_t> kin) {
  const cgroup::Hierarchy hierarchy = TRY(cgroup::Detect());
  cgroup::JobRoot jobs = TRY(cgroup::JobRoot::Open(hierarchy, identity.uid, kin));
  TRY(cgroup::ClearDeadSlots(jobs));
  std::optional<IdPool> ids = TRY_IN("leasing ids", OpenIds(most_idle > 0, identity));
  const UniqueFd file = TRY_IN("reading faber-init", fabro::Open(init_program, O_RDONLY));
  UniqueFd program = TRY_IN("reading faber-init", SealedCopy("faber-init", file.get()));
  return std::unique_ptr<SlotPool>(new SlotPool(loop, std::move(jobs), std::move(ids),
                                                std::move(program), ModeName(hierarchy.mode),
                                                most_idle, identity));
}

// The caller's own id where there is no other, or where the caller wants no other.
Result<IdLease> SlotPool::LeaseIds() {
  if (ids_) return ids_->Acquire();
  return Failure(Code::kFailedPrecondition, "egress needs an id that no guest has",
                 "isolation_unavailable",
                 "give the user a range in /etc/subuid and /etc/subgid, and install uidmap");
}

Result<IdLease> SlotPool::Lease(const plan::JailPlan& plan) {
  constexpr std::uint32_t kCallerInside = 0;
  const auto& degrade = plan.spec.degrade;
  const bool may_lack = std::find(degrade.begin(), degrade.end(), "identity") != degrade.end();
  if (!ids_ || (identity_.rootless() && may_lack)) return IdLease::Shared(kCallerInside);
  return ids_->Acquire();
}

Status SlotPool::ClearDead() {
  TRY(cgroup::ClearDeadSlots(jobs_));
  return {};
}

std::unique_ptr<Slot> SlotPool::TakeIdle(const std::string& policy, bool prepared) {
  for (auto at = idle_.begin(); at != idle_.end();) {
    if ((*at)->policy() != policy || (prepared && !(*at)->Prepared())) {
      ++at;
      continue;
    }
    std::unique_ptr<Slot> slot = std::move(*at);
    at = idle_.erase(at);
    if (slot->Idle()) return slot;  // Else its zygote was killed while it waited.
  }
  return nullptr;
}

// One whose Jail is still being made or on its way out, if that is not the only one: a policy in
// use has two, one that works and one that gets ready.
std::unique_ptr<Slot> SlotPool::TakeBusy(const std::string& policy) {
  const auto matches = [&](const Slot& slot) { return slot.policy() == policy; };
  const auto there =
      std::count_if(idle_.begin(), idle_.end(), [&](const auto& slot) { return matches(*slot); }) +
      std::count_if(ending_.begin(), ending_.end(),
                    [&](const Ending& ending) { return matches(*ending.slot); });
  if (there < 2 && idle_.size() + ending_.size() < most_idle_) return nullptr;
  std::unique_ptr<Slot> slot = TakeIdle(policy, false);
  if (slot) return slot;
  const auto found = std::find_if(ending_.begin(), ending_.end(),
                                  [&](const Ending& ending) { return matches(*ending.slot); });
  if (found == ending_.end()) return nullptr;
  OnEnd(found->slot.get());
  return TakeIdle(policy, false);
}

// Slots that wait for a next Jail give way to one that is wanted now.
Result<DescriptorBudget::Share> SlotPool::TakeDescriptors() {
  for (;;) {
    auto share = descriptors_.Take(DescriptorBudget::Use::kSlot);
    if (share || idle_.empty()) return share;
    idle_.erase(idle_.begin());
  }
}

Result<std::unique_ptr<Slot>> SlotPool::Take(const plan::JailPlan& plan,
                                             const plan::HostFacts& facts, const Sources& sources) {
  TRY_IN("limiting the sandbox", jobs_.EnableMore(MoreLimitsOf(plan.spec.limits)));
  if (!plan.spec.fresh) {
    std::unique_ptr<Slot> slot = TakeIdle(plan.policy, true);
    if (!slot) slot = TakeBusy(plan.policy);
    if (slot) return slot;
  }
  const std::string id = "s" + std::to_string(next_++);
  DescriptorBudget::Share share = TRY(TakeDescriptors());
  IdLease lease = TRY_IN("leasing ids", Lease(plan));
  std::unique_ptr<Slot> slot =
      TRY(Slot::Start(jobs_, id, std::move(lease), !identity_.rootless(),
                      {program_.get(), descriptors_.inherited()}, plan, facts, sources));
  slot->Hold(std::move(share));
  return slot;
}

Status SlotPool::Keep(std::unique_ptr<Slot> slot, const plan::JailPlan& plan) {
  if (!slot->ProveClean() || !slot->PrepareInit(plan)) return Destroy(std::move(slot));
  // The one that has waited longest makes room.
  if (idle_.size() >= most_idle_) idle_.erase(idle_.begin());
  idle_.push_back(std::move(slot));
  return {};
}

Status SlotPool::GiveBack(std::unique_ptr<Slot> slot, const plan::JailPlan& plan) {
  const bool keep = !plan.spec.fresh && most_idle_ > 0;
  const Status ended = slot->EndJail();
  if (ended && keep) return Keep(std::move(slot), plan);
  const Status away = Destroy(std::move(slot));
  return ended ? away : ended;
}

Status SlotPool::Recycle(std::unique_ptr<Slot> slot, const plan::JailPlan& plan) {
  if (plan.spec.fresh || most_idle_ == 0) return GiveBack(std::move(slot), plan);
  constexpr auto kLimit = std::chrono::seconds(5);
  slot->KillInit();
  const Slot* const key = slot.get();
  Ending ending{.slot = std::move(slot), .plan = plan};
  ending.watch = loop_.Watch(key->zygote_socket(), POLLIN, [this, key](short) { OnEnd(key); });
  ending.timer = loop_.At(std::chrono::steady_clock::now() + kLimit, [this, key] { OnEnd(key); });
  ending_.push_back(std::move(ending));
  return {};
}

// Its zygote has something to say, or the time is over.
void SlotPool::OnEnd(const Slot* slot) {
  const auto found = std::find_if(ending_.begin(), ending_.end(),
                                  [&](const Ending& ending) { return ending.slot.get() == slot; });
  if (found == ending_.end()) return;
  Ending ending = std::move(*found);
  ending_.erase(found);
  loop_.Remove(ending.watch);
  loop_.Remove(ending.timer);
  // Nobody is left to tell: a group that stays is the janitor's.
  (void)(ending.slot->TakeEnd() ? Keep(std::move(ending.slot), ending.plan)
                                : Destroy(std::move(ending.slot)));
}

Status SlotPool::Destroy(std::unique_ptr<Slot> slot) { return slot->Destroy(); }

}  // namespace fabro::jail::supervise
