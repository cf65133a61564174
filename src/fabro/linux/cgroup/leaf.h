// A Leaf is the control group of one Exec (or of a slot's own helpers, `sup`): it carries limits,
// counts what its processes use, and ends them all at once.
//
// It is live until Remove(). Destroying a live Leaf kills what is in it and removes it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/linux/cgroup/group.h"
#include "fabro/linux/cgroup/kill.h"
#include "fabro/linux/cgroup/limits.h"
#include "fabro/linux/cgroup/usage.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::cgroup {

// What may still be charged to an empty leaf that is used again: per-CPU stocks and kernel objects
// that are freed late. Page cache beyond it retires the leaf (docs/decisions/0005).
inline constexpr ByteSize kReuseResidual = 4_MiB;

class Leaf {
 public:
  // Takes over the duty to remove `group`, which must be new and empty.
  static Result<Leaf> Take(Group group);

  Leaf(Leaf&& other) noexcept;
  Leaf& operator=(Leaf&&) = delete;
  ~Leaf();

  const std::string& name() const { return group_.name(); }

  // Descriptors to which a child writes "0", in this order, as its first act and before any change
  // of credentials: the permission is the opener's, also from inside a user namespace. A parent
  // that writes the pid instead pays up to 14 ms. They are close-on-exec and valid while *this
  // lives.
  std::span<const int> AttachFds() {
    final_.reset();
    proven_empty_ = false;
    return attach_;
  }

  // The v2 directory for clone3's CLONE_INTO_CGROUP, or -1 on a v1 host. The other trees still need
  // AttachFds(). The kernel checks the cloner's rights there, not the opener's.
  int CloneIntoFd() const;
  // Those of AttachFds() that a child cloned into CloneIntoFd() still writes to: without
  // cgroup.procs, whose writer waits for an RCU grace period (10 ms and more, system-wide).
  std::span<const int> AttachFdsAfterClone() {
    return CloneIntoFd() >= 0 ? AttachFds().subspan(1)
                              : AttachFds();  // The v2 member is the first.
  }

  // See ApplyLimits; nothing is written when they are already set.
  Status Apply(const Limits& limits);

  // Since the leaf was made or last reset.
  Result<Usage> ReadUsage();
  // Usage::pids_current alone.
  Result<std::uint64_t> ReadPidsCurrent() const { return cgroup::ReadPidsCurrent(group_); }

  Result<bool> Populated() const { return group_.Populated(); }
  // Has POLLPRI when the group may have become empty (then ask Populated); -1 on a v1 host, where
  // the end of the leader's pidfd and Kill() are the way.
  int EventsFd() const { return events_.get(); }
  Status WaitEmpty(Deadline deadline) const { return group_.WaitEmpty(deadline); }

  // Orders the end of all processes and does not wait for it: true when none is left, false when
  // the caller is to look again (EventsFd, or a moment later). Where the kernel has no cgroup.kill
  // it is Kill(), which waits.
  Result<bool> BeginKill();
  // See KillAll: all processes have ended on return. Read the usage after it: time burnt while
  // dying counts. Until somebody is let in again that proof stands.
  Status Kill();

  // Makes the leaf as new and proves it: no process, no pid, no memory beyond kReuseResidual, peaks
  // and counters at zero. "cgroup_not_reusable": the kernel cannot reset its peak (v2 before 6.12)
  // or something is left; remove it then.
  Status ResetForReuse();

  // Removes the empty group, trying again for a second while its last exits settle.
  Status Remove();

 private:
  explicit Leaf(Group group) : group_(std::move(group)) {}
  Status OpenFiles();
  Status ResetPeak();
  Result<Counters> Read() const;

  Group group_;
  bool live_ = true;
  bool killed_ = false;            // By cgroup.kill, with processes in it.
  bool proven_empty_ = false;      // By Kill(), and nobody was let in since.
  std::optional<Counters> final_;  // Read after that: what only processes add to stays so.
  std::vector<UniqueFd> attach_owners_;
  std::vector<int> attach_;
  UniqueFd events_;
  UniqueFd reset_;  // v1: where writing 0 resets the peak.
  UniqueFd peak_;   // v2: memory.peak is reset for one descriptor alone, so it is read there too.
  std::optional<Limits> applied_;
  Counters base_;  // The reading from which usage counts.
};

}  // namespace fabro::cgroup
