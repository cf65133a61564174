// One connection of a guest: from the moment that it was accepted inside its network namespace,
// over the verdict, the look at its first bytes, the resolution of its name and the connection to
// one of the addresses that were found right then, to the end of the relay.
//
// There is no second resolution between verdict and connect(2), so a name that changes its
// addresses in between (DNS rebinding) finds no window.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/egress/loop.h"
#include "fabro/egress/policy.h"
#include "fabro/egress/resolver.h"
#include "fabro/egress/splice.h"
#include "fabro/linux/unique_fd.h"
#include "fabro/model/egress.h"

namespace fabro::egress {

class Sandbox;

class Connection {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // Descriptors that one may have: two sockets and two pipes.
  static constexpr std::size_t kFds = 6;

  // `destination` and `port`: where the guest meant to go. The sandbox owns it.
  Connection(Sandbox& sandbox, std::uint64_t id, UniqueFd guest,
             const model::IpAddress& destination, std::uint16_t port);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // May end it at once.
  void Begin();
  // The bandwidth has room again.
  void Resume();
  // Called about once a second.
  void CheckDeadline(TimePoint now);

 private:
  enum class State { kVerdict, kInspect, kResolve, kConnect, kRelay, kOver };
  void Inspect();
  void OnFirstBytes();
  void Resolve();
  void OnAddresses(std::vector<model::IpAddress> addresses);
  void ConnectNext();
  void OnConnected();
  void Relay();
  void Pump();
  void Refuse(model::DenyReason reason);
  void Close(bool reset);
  bool checks_name() const;

  Sandbox& sandbox_;
  std::uint64_t id_;
  UniqueFd guest_;
  UniqueFd upstream_;
  model::IpAddress destination_;
  std::uint16_t port_;
  std::string name_;  // Empty: the guest named an address.
  Grant grant_;
  State state_ = State::kVerdict;
  TimePoint deadline_{};       // Of the state.
  TimePoint connect_limit_{};  // Of all attempts together.
  std::string first_;          // Read to be looked at.
  Resolver::Id question_ = 0;
  std::vector<model::IpAddress> candidates_;  // Still to be tried, the next one last.
  Flow up_;
  Flow down_;
  Loop::Id guest_watch_ = 0;
  Loop::Id upstream_watch_ = 0;
};

}  // namespace fabro::egress
