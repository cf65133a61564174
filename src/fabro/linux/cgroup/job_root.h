// Where our groups are: below the group that this process was started in, and never above it.
//
//   <own>/faber-<uid>/service        this process, where v2 wants <own> without processes
//   <own>/faber-<uid>/jobs           caps over all slots
//   <own>/faber-<uid>/jobs/<slot>    one slot: SlotGroup
//   <own>/faber-<uid>/jobs/<slot>/sup    zygote, init, helpers: their use is not the guest's
//   <own>/faber-<uid>/jobs/<slot>/e<N>   one Exec each
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/linux/cgroup/group.h"
#include "fabro/linux/cgroup/hierarchy.h"
#include "fabro/linux/cgroup/leaf.h"
#include "fabro/linux/cgroup/more_limits.h"
#include "fabro/linux/proc_info.h"

namespace fabro::cgroup {

// Who answers for a slot's group. It is part of the group's name, so that no crash can part the
// two.
struct SlotOwner {
  std::uint64_t pid_namespace = 0;  // Inode; a pid means something in there only.
  ProcessIdentity process;

  friend bool operator==(const SlotOwner&, const SlotOwner&) = default;
};

// "<id>.<pid namespace>-<pid>-<start time>" and back.
std::string SlotName(std::string_view id, const SlotOwner& owner);
Result<SlotOwner> ParseSlotOwner(std::string_view name);

// The group of one slot or long-lived Jail. Destroying it kills everything below and removes it;
// all Leaves taken from it must be gone or are killed with it.
class SlotGroup {
 public:
  SlotGroup(SlotGroup&& other) noexcept;
  SlotGroup& operator=(SlotGroup&&) = delete;
  ~SlotGroup();

  const std::string& name() const { return group_.name(); }
  Leaf& sup() { return sup_; }

  // Lets processes of `uid` clone children into the leaves taken from now on (CLONE_INTO_CGROUP):
  // the v2 files cgroup.procs of the slot and of its leaves become theirs. Nothing to do on v1.
  Status LetPlace(uid_t uid);
  bool may_place() const { return placer_.has_value(); }

  // Limits of the whole slot, `sup` included. Nothing is written when they are already set.
  Status Apply(const Limits& limits);

  // See ApplyMore; JobRoot::EnableMore comes first. Leaves taken from now on count their io.
  Status Apply(const MoreLimits& limits);

  // Of the slot as a whole, since it was made.
  Result<Counters> ReadUsage() const { return ReadCounters(group_); }
  // Counters::oom_events of the same, alone.
  Result<std::uint64_t> ReadOomEvents() const { return cgroup::ReadOomEvents(group_); }

  // An empty leaf without usage: an idle one (its limits may be those of its last use), or a new
  // one.
  Result<Leaf> TakeLeaf();
  // Takes an empty leaf back: keeps it if ResetForReuse proves it, else removes it.
  Status GiveBack(Leaf leaf);
  std::size_t idle_leaves() const { return idle_.size(); }

  // Ends everything in the slot and removes its groups.
  Status KillAndRemove();

 private:
  friend class JobRoot;
  SlotGroup(Group group, Leaf sup) : group_(std::move(group)), sup_(std::move(sup)) {}

  Group group_;
  Leaf sup_;
  std::vector<Leaf> idle_;
  unsigned next_ = 0;
  std::optional<uid_t> placer_;
  std::optional<Limits> applied_;
  MoreLimits more_;
  bool live_ = true;
};

class JobRoot {
 public:
  // Finds or makes the groups down to `jobs`. On v2 this may move the calling process, and with it
  // those that run the program of one of `kin` (own_group.h), into `service`. "cgroup_unavailable"
  // with errno and fix where rights or controllers are missing.
  static Result<JobRoot> Open(const Hierarchy& hierarchy, uid_t uid,
                              std::span<const pid_t> kin = {});

  JobRoot(JobRoot&&) noexcept = default;
  JobRoot& operator=(JobRoot&&) = delete;
  // Removes `jobs` and its parent when nothing is in them.
  ~JobRoot();

  const Group& jobs() const { return jobs_; }
  // Caps over all slots together.
  Status Apply(const Limits& limits) { return ApplyLimits(jobs_, limits); }

  // Lets slots have these limits; see EnableMore.
  Status EnableMore(const MoreLimits& limits) const;

  // Makes the group of a slot, owned by the calling process, with its `sup`. `id`: 1 to 64 of
  // [A-Za-z0-9_-], unique among the slots of this process.
  Result<SlotGroup> CreateSlot(std::string_view id);

 private:
  JobRoot(Hierarchy hierarchy, uid_t uid, Group top, Group jobs)
      : hierarchy_(std::move(hierarchy)), uid_(uid), top_(std::move(top)), jobs_(std::move(jobs)) {}

  Hierarchy hierarchy_;
  uid_t uid_;
  Group top_;  // faber-<uid>
  Group jobs_;
};

// Kills and removes the group `name` below `parent` with all below it, also where a crash left it
// in some of the trees only.
Status KillAndRemoveTree(const Group& parent, const std::string& name);

}  // namespace fabro::cgroup
