// The jailer's hold on faber-egressd: started for the first sandbox with network mode `egress`,
// ended with the last. It has an id of its own that nobody else on the host has, and none of our
// rights. When it dies, its sandboxes lose every way out for good, and their results say so.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/egress/wire/control.h"
#include "fabro/egress/wire/ledger.h"
#include "fabro/jail/slots/leases.h"
#include "fabro/jail/supervise/loop.h"
#include "fabro/linux/process.h"
#include "fabro/linux/socket.h"
#include "fabro/linux/unique_fd.h"
#include "fabro/model/egress.h"

namespace fabro::jail::supervise {

// What init sent out of a Jail's network namespace.
struct NetworkSockets {
  bool ipv6 = false;
  std::vector<UniqueFd> fds;  // As egress/wire/control.h orders them, without the ledger.
};

// Of one build and one directory with faber-init.
std::string EgressProgram(const std::string& init_program);

class Egress {
 public:
  using LeaseIds = std::function<Result<IdLease>()>;

  // `program` is faber-egressd. The loop outlives it, and it outlives its Shares.
  Egress(Loop& loop, std::string program, LeaseIds lease)
      : loop_(loop), program_(std::move(program)), lease_(std::move(lease)) {}
  ~Egress();
  Egress(const Egress&) = delete;
  Egress& operator=(const Egress&) = delete;

  // One sandbox's part in it; ends with it.
  class Share {
   public:
    ~Share();
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;
    // Everything since the sandbox began.
    model::NetworkUsage Usage() const;

   private:
    friend class Egress;
    Share(Egress& owner, std::uint64_t id, std::uint64_t generation,
          std::unique_ptr<egress::wire::Ledger> ledger)
        : owner_(owner), id_(id), generation_(generation), ledger_(std::move(ledger)) {}
    Egress& owner_;
    std::uint64_t id_;
    std::uint64_t generation_;  // Of the process that has it.
    std::unique_ptr<egress::wire::Ledger> ledger_;
  };

  // Starts the process if there is none. Bounded: 10 s. Errors: network_unavailable,
  // synthetic_range_routed.
  Result<std::unique_ptr<Share>> Add(const model::EgressPolicy& policy, NetworkSockets sockets);

 private:
  Status Start();
  Status StartProcess();
  Status SendResolvers();
  Result<Message> Await(egress::wire::Type type, std::uint64_t sandbox);
  Result<std::unique_ptr<Share>> AddToRunning(const model::EgressPolicy& policy,
                                              NetworkSockets sockets);
  void Remove(std::uint64_t id, std::uint64_t generation);
  void OnControl();
  void OnResolverTimer();
  void End();

  Loop& loop_;
  std::string program_;
  LeaseIds lease_;
  std::optional<IdLease> ids_;  // Outlives the process.
  std::optional<Process> process_;
  UniqueFd control_;
  Loop::Id control_watch_ = 0;
  Loop::Id resolver_timer_ = 0;
  std::string resolvers_;         // As they were sent.
  std::uint64_t generation_ = 0;  // Of the process that runs; counted up when it ends.
  std::uint64_t last_ = 0;
  unsigned shares_ = 0;
};

}  // namespace fabro::jail::supervise
