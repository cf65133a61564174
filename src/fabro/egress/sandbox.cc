#include "fabro/egress/sandbox.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

namespace fabro::egress {
namespace {

using model::DenyReason;
using std::chrono::steady_clock;

// A guest that opens connections in a loop costs us work that no limit of its own counts. Beyond
// this rate it waits; ordinary programs do not come near it.
constexpr std::uint64_t kAcceptsPerSecond = 500;
constexpr std::uint64_t kAcceptsAtOnce = 500;
constexpr int kAcceptsPerTurn = 16;
constexpr std::chrono::milliseconds kPause{20};
constexpr std::chrono::milliseconds kBandwidthTick{20};
constexpr std::size_t kNoLimit = std::size_t{1} << 30U;

// Where the guest meant to go: the local address of a socket that listens on all of them.
bool DestinationOf(int socket, model::IpAddress& address) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return false;
  if (storage.ss_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &storage, sizeof(in));
    std::memcpy(address.bytes.data(), &in.sin_addr, sizeof(in.sin_addr));
    return true;
  }
  if (storage.ss_family != AF_INET6) return false;
  sockaddr_in6 in{};
  std::memcpy(&in, &storage, sizeof(in));
  address.v6 = true;
  std::memcpy(address.bytes.data(), &in.sin6_addr, sizeof(in.sin6_addr));
  address = model::Unmapped(address);
  return true;
}

std::unique_ptr<Budget> BandwidthOf(const model::EgressPolicy& policy) {
  if (!policy.bytes_per_second) return nullptr;
  const std::uint64_t rate = policy.bytes_per_second->bytes();
  return std::make_unique<Budget>(rate, rate);
}

}  // namespace

Sandbox::Sandbox(Machine& machine, model::EgressPolicy policy, bool ipv6, Sockets sockets,
                 std::unique_ptr<wire::Ledger> ledger)
    : machine_(machine),
      policy_(std::move(policy)),
      names_(policy_),
      ledger_(std::move(ledger)),
      sockets_(std::move(sockets)),
      ports_(model::PortsOf(policy_)),
      dns_(machine.loop, policy_, names_, *ledger_, ipv6, sockets_.dns_udp.get(),
           sockets_.dns_tcp.get()),
      accepts_(kAcceptsPerSecond, kAcceptsAtOnce),
      bandwidth_(BandwidthOf(policy_)) {
  for (std::size_t i = 0; i < sockets_.listeners.size(); ++i) {
    watches_.push_back(loop().Watch(sockets_.listeners[i].get(), EPOLLIN,
                                    [this, i](std::uint32_t) { OnListener(i); }));
  }
}

Sandbox::~Sandbox() {
  machine_.connections_left += connections_.size();
  connections_.clear();
  for (Loop::Id& watch : watches_) loop().Remove(watch);
  loop().Remove(pause_);
  loop().Remove(bandwidth_timer_);
}

void Sandbox::OnListener(std::size_t index) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    if (accepts_.Left(steady_clock::now()) == 0) return Pause();
    UniqueFd guest(
        ::accept4(sockets_.listeners[index].get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!guest) {
      if (errno == ECONNABORTED || errno == EINTR) continue;
      if (errno != EAGAIN) Pause();  // No descriptors, no memory: not in a tight loop.
      return;
    }
    accepts_.Take(1);
    Accepted(std::move(guest), ports_[index]);
  }
}

void Sandbox::Pause() {
  if (pause_ != 0) return;
  for (const Loop::Id watch : watches_) loop().Change(watch, 0);
  pause_ = loop().At(steady_clock::now() + kPause, [this] {
    pause_ = 0;
    for (const Loop::Id watch : watches_) loop().Change(watch, EPOLLIN);
  });
}

void Sandbox::Accepted(UniqueFd guest, std::uint16_t port) {
  model::IpAddress destination;
  const bool known = DestinationOf(guest.get(), destination);
  if (!known || connections_.size() >= policy_.max_connections || machine_.connections_left == 0) {
    const std::string_view name = names_.NameOf(destination);
    ledger_->Deny(name.empty() ? model::ToString(destination) : std::string(name), port,
                  DenyReason::kConnectionLimit);
    const linger now{.l_onoff = 1, .l_linger = 0};
    (void)::setsockopt(guest.get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    return;
  }
  const std::uint64_t id = ++last_;
  --machine_.connections_left;
  auto connection = std::make_unique<Connection>(*this, id, std::move(guest), destination, port);
  Connection& started = *connection;
  connections_.emplace(id, std::move(connection));
  started.Begin();
}

void Sandbox::OnOver(std::uint64_t connection) {
  auto node = connections_.extract(connection);
  if (node.empty()) return;
  ++machine_.connections_left;
  waiting_.erase(connection);
  over_.push_back(std::move(node.mapped()));
}

std::size_t Sandbox::Allowance() {
  std::uint64_t most = kNoLimit;
  if (policy_.max_bytes)
    most = policy_.max_bytes->bytes() - std::min(policy_.max_bytes->bytes(), relayed_);
  if (bandwidth_) most = std::min(most, bandwidth_->Left(steady_clock::now()));
  return static_cast<std::size_t>(std::min<std::uint64_t>(most, kNoLimit));
}

void Sandbox::Spend(std::size_t bytes) {
  relayed_ += bytes;
  if (bandwidth_) bandwidth_->Take(bytes);
}

void Sandbox::CountSent(std::size_t bytes) {
  if (bytes == 0) return;
  Spend(bytes);
  ledger_->CountSent(bytes);
}

void Sandbox::CountReceived(std::size_t bytes) {
  if (bytes == 0) return;
  Spend(bytes);
  ledger_->CountReceived(bytes);
}

void Sandbox::WaitForBandwidth(std::uint64_t connection) {
  waiting_.insert(connection);
  if (bandwidth_timer_ != 0) return;
  bandwidth_timer_ = loop().At(steady_clock::now() + kBandwidthTick, [this] {
    bandwidth_timer_ = 0;
    const std::set<std::uint64_t> resumed = std::exchange(waiting_, {});
    for (const std::uint64_t id : resumed) {
      const auto found = connections_.find(id);
      if (found != connections_.end()) found->second->Resume();
    }
  });
}

void Sandbox::CheckDeadlines(Connection::TimePoint now) {
  std::vector<Connection*> all;  // One that ends leaves the map.
  all.reserve(connections_.size());
  for (const auto& [id, connection] : connections_) all.push_back(connection.get());
  for (Connection* connection : all) connection->CheckDeadline(now);
  dns_.CheckDeadlines(now);
}

}  // namespace fabro::egress
