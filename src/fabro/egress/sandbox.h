// What egressd holds for one sandbox: its listening sockets, its name server, its budgets and its
// connections. Destroying it closes them all: nothing is left, on the host or inside.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/egress/budget.h"
#include "fabro/egress/connection.h"
#include "fabro/egress/dns_service.h"
#include "fabro/egress/loop.h"
#include "fabro/egress/name_table.h"
#include "fabro/egress/resolver.h"
#include "fabro/egress/routes.h"
#include "fabro/egress/wire/ledger.h"
#include "fabro/linux/unique_fd.h"
#include "fabro/model/egress.h"

namespace fabro::egress {

// What all sandboxes of an egressd share; outlives them.
struct Machine {
  Loop& loop;
  Resolver& resolver;
  Routes& routes;
  std::size_t connections_left;  // By the limit of open files.
};

class Sandbox {
 public:
  struct Sockets {
    UniqueFd dns_udp;
    UniqueFd dns_tcp;
    std::vector<UniqueFd> listeners;  // One for each of PortsOf(policy).
  };

  Sandbox(Machine& machine, model::EgressPolicy policy, bool ipv6, Sockets sockets,
          std::unique_ptr<wire::Ledger> ledger);
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  Loop& loop() { return machine_.loop; }
  Resolver& resolver() { return machine_.resolver; }
  Routes& routes() { return machine_.routes; }
  const model::EgressPolicy& policy() const { return policy_; }
  const NameTable& names() const { return names_; }
  wire::Ledger& ledger() { return *ledger_; }

  // How many bytes may be read now.
  std::size_t Allowance();
  bool OutOfBytes() const { return policy_.max_bytes && relayed_ >= policy_.max_bytes->bytes(); }
  void CountSent(std::size_t bytes);
  void CountReceived(std::size_t bytes);
  void WaitForBandwidth(std::uint64_t connection);
  // That connection has ended; it is destroyed a little later.
  void OnOver(std::uint64_t connection);

  // About once a second, and after each round of the loop.
  void CheckDeadlines(Connection::TimePoint now);
  void Bury() { over_.clear(); }

 private:
  void OnListener(std::size_t index);
  void Accepted(UniqueFd guest, std::uint16_t port);
  void Pause();
  void Spend(std::size_t bytes);

  Machine& machine_;
  model::EgressPolicy policy_;
  NameTable names_;
  std::unique_ptr<wire::Ledger> ledger_;
  Sockets sockets_;
  std::vector<std::uint16_t> ports_;
  DnsService dns_;
  Budget accepts_;
  std::unique_ptr<Budget> bandwidth_;
  std::uint64_t relayed_ = 0;
  std::uint64_t last_ = 0;
  std::vector<Loop::Id> watches_;
  Loop::Id pause_ = 0;
  Loop::Id bandwidth_timer_ = 0;
  std::set<std::uint64_t> waiting_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::vector<std::unique_ptr<Connection>> over_;  // Their own handlers may still run.
};

}  // namespace fabro::egress
