#include "fabro/egress/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "fabro/egress/parse/first_bytes.h"
#include "fabro/egress/sandbox.h"

namespace fabro::egress {
namespace {

using model::DenyReason;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kFirstBytesLimit{10};
constexpr std::chrono::seconds kResolveLimit{15};
constexpr std::chrono::seconds kAttemptLimit{5};
constexpr std::chrono::seconds kConnectLimit{20};
constexpr std::size_t kMostCandidates = 8;
constexpr std::uint16_t kHttpPort = 80;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

SocketAddress AddressOf(const model::IpAddress& address, std::uint16_t port) {
  SocketAddress result;
  if (address.v6) {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(port);
    std::memcpy(&in.sin6_addr, address.bytes.data(), sizeof(in.sin6_addr));
    std::memcpy(&result.storage, &in, sizeof(in));
    result.size = sizeof(in);
  } else {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    std::memcpy(&in.sin_addr, address.bytes.data(), sizeof(in.sin_addr));
    std::memcpy(&result.storage, &in, sizeof(in));
    result.size = sizeof(in);
  }
  return result;
}

// So that close(2) sends a reset: a refusal must not look like an orderly end.
void ResetOnClose(int socket) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  (void)::setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

void SendAtOnce(int socket) {
  const int on = 1;
  (void)::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

}  // namespace

Connection::Connection(Sandbox& sandbox, std::uint64_t id, UniqueFd guest,
                       const model::IpAddress& destination, std::uint16_t port)
    : sandbox_(sandbox),
      id_(id),
      guest_(std::move(guest)),
      destination_(destination),
      port_(port) {}

Connection::~Connection() {
  Loop& loop = sandbox_.loop();
  loop.Remove(guest_watch_);
  loop.Remove(upstream_watch_);
  sandbox_.resolver().Forget(question_);
}

bool Connection::checks_name() const {
  const model::EgressPolicy& policy = sandbox_.policy();
  return !name_.empty() && (port_ == kHttpPort ? policy.http_host : policy.tls_sni);
}

void Connection::Begin() {
  const NameTable& names = sandbox_.names();
  if (names.IsSynthetic(destination_)) {
    name_ = names.NameOf(destination_);
    const auto grant = name_.empty() ? std::nullopt : MatchName(sandbox_.policy(), name_);
    if (!grant) return Refuse(DenyReason::kAddressNotAllowed);
    grant_ = *grant;
  } else {
    const auto grant = MatchAddress(sandbox_.policy(), destination_);
    if (!grant) return Refuse(DenyReason::kAddressNotAllowed);
    grant_ = *grant;
  }
  if (sandbox_.OutOfBytes()) return Refuse(DenyReason::kByteLimit);
  if (checks_name()) return Inspect();
  Resolve();
}

void Connection::Inspect() {
  state_ = State::kInspect;
  deadline_ = steady_clock::now() + kFirstBytesLimit;
  guest_watch_ =
      sandbox_.loop().Watch(guest_.get(), EPOLLIN, [this](std::uint32_t) { OnFirstBytes(); });
}

void Connection::OnFirstBytes() {
  const DenyReason mismatch =
      port_ == kHttpPort ? DenyReason::kHostMismatch : DenyReason::kSniMismatch;
  char buffer[4096];
  const ssize_t got = ::recv(guest_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return Close(true);  // Gone without a word.
  first_.append(buffer, static_cast<std::size_t>(got));
  const FirstBytes seen = port_ == kHttpPort ? ReadRequestHead(first_) : ReadClientHello(first_);
  if (seen.state == FirstBytes::State::kMore) return;
  if (seen.state != FirstBytes::State::kName || seen.name != name_) return Refuse(mismatch);
  sandbox_.loop().Remove(guest_watch_);
  Resolve();
}

void Connection::Resolve() {
  state_ = State::kResolve;
  if (name_.empty()) return OnAddresses({destination_});
  deadline_ = steady_clock::now() + kResolveLimit;
  question_ =
      sandbox_.resolver().Resolve(name_, [this](const std::vector<model::IpAddress>& addresses) {
        question_ = 0;
        OnAddresses(addresses);
      });
}

void Connection::OnAddresses(std::vector<model::IpAddress> addresses) {
  bool denied = false;
  candidates_.clear();
  for (const model::IpAddress& address : addresses) {
    const Routes::Kind kind = sandbox_.routes().Of(address);
    // The machine's own addresses are for those who name them and nothing beside.
    const bool named = grant_.range && grant_.range->prefix == address.bits();
    const bool own = kind == Routes::Kind::kOwn && !named;
    if (own || !MayConnect(sandbox_.policy(), grant_, address)) {
      denied = true;
    } else if (kind != Routes::Kind::kNone && candidates_.size() < kMostCandidates) {
      candidates_.push_back(address);
    }
  }
  if (candidates_.empty()) {
    if (denied) return Refuse(DenyReason::kAddressDenied);
    return Refuse(addresses.empty() ? DenyReason::kUnresolved : DenyReason::kUnreachable);
  }
  std::reverse(candidates_.begin(), candidates_.end());
  connect_limit_ = steady_clock::now() + kConnectLimit;
  ConnectNext();
}

void Connection::ConnectNext() {
  state_ = State::kConnect;
  Loop& loop = sandbox_.loop();
  loop.Remove(upstream_watch_);
  upstream_.reset();
  while (!candidates_.empty() && steady_clock::now() < connect_limit_) {
    const model::IpAddress address = candidates_.back();
    candidates_.pop_back();
    upstream_.reset(::socket(address.v6 ? AF_INET6 : AF_INET,
                             SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
    if (!upstream_) continue;
    const SocketAddress to = AddressOf(address, port_);
    const int done =
        ::connect(upstream_.get(), reinterpret_cast<const sockaddr*>(&to.storage), to.size);
    if (done != 0 && errno != EINPROGRESS) continue;
    deadline_ = std::min(steady_clock::now() + kAttemptLimit, connect_limit_);
    upstream_watch_ =
        loop.Watch(upstream_.get(), EPOLLOUT, [this](std::uint32_t) { OnConnected(); });
    return;
  }
  Refuse(DenyReason::kUnreachable);
}

void Connection::OnConnected() {
  int error = 0;
  socklen_t size = sizeof(error);
  if (::getsockopt(upstream_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
    return ConnectNext();
  }
  Relay();
}

void Connection::Relay() {
  Loop& loop = sandbox_.loop();
  loop.Remove(upstream_watch_);
  if (!up_.Open() || !down_.Open()) return Refuse(DenyReason::kConnectionLimit);
  state_ = State::kRelay;
  SendAtOnce(guest_.get());
  SendAtOnce(upstream_.get());
  sandbox_.ledger().CountConnection();
  if (!first_.empty()) {
    sandbox_.CountSent(first_.size());
    up_.SendFirst(std::exchange(first_, {}));
  }
  deadline_ = steady_clock::now() + sandbox_.policy().idle_timeout;
  const auto on_event = [this](std::uint32_t) { Pump(); };
  guest_watch_ = loop.Watch(guest_.get(), 0, on_event);
  upstream_watch_ = loop.Watch(upstream_.get(), 0, on_event);
  Pump();
}

void Connection::Resume() {
  if (state_ == State::kRelay) Pump();
}

void Connection::Pump() {
  const Flow::Moved sent = up_.Pump(guest_.get(), upstream_.get(), sandbox_.Allowance());
  sandbox_.CountSent(sent.read);
  const Flow::Moved received = down_.Pump(upstream_.get(), guest_.get(), sandbox_.Allowance());
  sandbox_.CountReceived(received.read);
  if (sent.failed || received.failed) return Close(true);
  if (up_.finished() && down_.finished()) return Close(false);
  if (sandbox_.OutOfBytes()) return Refuse(DenyReason::kByteLimit);
  if (sent.read + received.read > 0) {
    deadline_ = steady_clock::now() + sandbox_.policy().idle_timeout;
  }
  const bool may_read = sandbox_.Allowance() > 0;
  if (!may_read) sandbox_.WaitForBandwidth(id_);
  const auto events = [&](const Flow& from, const Flow& to) {
    return (may_read && from.wants_read() ? EPOLLIN : 0U) | (to.wants_write() ? EPOLLOUT : 0U);
  };
  sandbox_.loop().Change(guest_watch_, events(up_, down_));
  sandbox_.loop().Change(upstream_watch_, events(down_, up_));
}

void Connection::CheckDeadline(TimePoint now) {
  if (now < deadline_) return;
  switch (state_) {
    case State::kInspect:
      return Refuse(port_ == kHttpPort ? DenyReason::kHostMismatch : DenyReason::kSniMismatch);
    case State::kResolve:
      return Refuse(DenyReason::kUnresolved);
    case State::kConnect:
      return ConnectNext();
    case State::kRelay:
      return Close(true);
    case State::kVerdict:
    case State::kOver:
      return;
  }
}

// Written down before the guest can see it.
void Connection::Refuse(DenyReason reason) {
  sandbox_.ledger().Deny(name_.empty() ? model::ToString(destination_) : name_, port_, reason);
  Close(true);
}

void Connection::Close(bool reset) {
  if (state_ == State::kOver) return;
  state_ = State::kOver;
  Loop& loop = sandbox_.loop();
  loop.Remove(guest_watch_);
  loop.Remove(upstream_watch_);
  sandbox_.resolver().Forget(question_);
  if (reset) {
    ResetOnClose(guest_.get());
    if (upstream_) ResetOnClose(upstream_.get());
  }
  guest_.reset();
  upstream_.reset();
  sandbox_.OnOver(id_);
}

}  // namespace fabro::egress
