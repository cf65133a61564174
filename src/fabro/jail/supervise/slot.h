// A slot: a zygote in a user namespace of its own with two leased ids, its finished root and its
// control group; it has one Jail at a time (isolation.md 2.3).
//
// Live until Destroy(). Destroying a live Slot kills everything in it and removes its groups.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "fabro/base/result.h"
#include "fabro/jail/plan/plan.h"
#include "fabro/jail/slots/leases.h"
#include "fabro/jail/supervise/descriptors.h"
#include "fabro/jail/supervise/egress.h"
#include "fabro/jail/supervise/sources.h"
#include "fabro/linux/cgroup/job_root.h"
#include "fabro/linux/poll.h"
#include "fabro/linux/process.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::jail::supervise {

// The pid 1 of a Jail, as the jailer holds it.
struct Init {
  std::int32_t pid = 0;  // In our pid namespace.
  UniqueFd pidfd;
  UniqueFd socket;    // Messages of wire.h.
  UniqueFd lifeline;  // Its only writer: closing it ends the Jail.
};

cgroup::MoreLimits MoreLimitsOf(const model::Limits& limits);

class Slot {
 public:
  // What a zygote is executed with: a sealed copy of faber-init, and the limit of descriptors that
  // we were started with.
  struct Program {
    int file;
    rlimit files;
  };

  // `id` names the slot's group. The root stands when this returns; bounded: 10 s. `mappable`: see
  // SlotIds.
  static Result<std::unique_ptr<Slot>> Start(cgroup::JobRoot& jobs, const std::string& id,
                                             IdLease lease, bool mappable, const Program& program,
                                             const plan::JailPlan& plan,
                                             const plan::HostFacts& facts, const Sources& sources);
  ~Slot();
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  // Given back with the slot.
  void Hold(DescriptorBudget::Share share) { share_ = std::move(share); }

  // Orders an init for another Jail like `plan`'s and waits for nothing. Only with a workspace in
  // memory, after ProveClean().
  Status PrepareInit(const plan::JailPlan& plan);
  // A Jail can start without a wait: one was prepared and its init has said something.
  bool Prepared() const;

  // Makes the one Jail of the slot, or takes the prepared one if it is what the plan wants: limits,
  // namespaces, workspace.
  Status SpawnInit(const plan::JailPlan& plan, const plan::HostFacts& facts,
                   const Sources& sources);
  // What it sent out for network mode `egress`, once.
  NetworkSockets TakeNetwork() { return std::move(network_); }

  // Kills the Jail and waits until its pid namespace is gone; bounded: 5 s.
  Status EndJail();
  // The two halves of it. TakeEnd is for when zygote_socket() is readable.
  void KillInit();
  Status TakeEnd();
  // Nothing of the last Jail is left: its init is reaped, only the zygote is in the groups, and a
  // sealed network is as it was. Else the slot must be destroyed.
  Status ProveClean();
  // The zygote lives and waits for an order, or has made a Jail ahead.
  bool Idle() const;
  // Ends all and removes the groups. The ids may be given back when this succeeded.
  Status Destroy();

  const std::optional<Init>& init() const { return init_; }
  int zygote_socket() const { return socket_.get(); }
  cgroup::SlotGroup& group() { return group_; }
  const SlotIds& ids() const { return ids_; }
  const std::string& policy() const { return policy_; }
  bool unmapped() const { return unmapped_; }
  unsigned jails() const { return jails_; }  // How many it has had.

 private:
  Slot(cgroup::SlotGroup group, IdLease lease, bool mappable)
      : lease_(std::move(lease)),
        ids_{.setup = lease_.setup_id(), .task = lease_.task_id(), .mappable = mappable},
        group_(std::move(group)) {}
  // An init that was ordered. Its zygote's answer and its own wait in the sockets until somebody
  // wants the Jail.
  struct Coming {
    wire::SpawnInit order;
    UniqueFd socket;
    UniqueFd lifeline;
  };
  Status OrderInit(const wire::SpawnInit& order, std::string_view tail, int workspace);
  Status AwaitInit();
  Status DropComing();
  Status StartZygote(const Program& program);
  Status WriteMaps();
  Status BuildRoot(const plan::JailPlan& plan, const plan::HostFacts& facts,
                   const Sources& sources);

  DescriptorBudget::Share share_;
  IdLease lease_;  // Outlives all processes of the slot.
  SlotIds ids_;
  cgroup::SlotGroup group_;
  UniqueFd socket_;
  UniqueFd lifeline_;
  std::optional<Process> zygote_;
  std::optional<Init> init_;
  std::optional<Coming> coming_;
  NetworkSockets network_;
  std::string policy_;
  std::string sockets_;  // Of a sealed network namespace, at creation.
  bool unmapped_ = false;
  unsigned jails_ = 0;
};

}  // namespace fabro::jail::supervise
