#include "fabro/egress/service.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <utility>

#include "fabro/egress/confine.h"
#include "fabro/egress/loop.h"
#include "fabro/egress/resolver.h"
#include "fabro/egress/routes.h"
#include "fabro/egress/sandbox.h"
#include "fabro/egress/wire/control.h"
#include "fabro/linux/socket.h"

namespace fabro::egress {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kSweep{1};

// The jailer checked the policy; that its ranges are free is seen from here.
Status CheckRoutes(Routes& routes, const model::EgressPolicy& policy) {
  for (const model::IpRange* range : {&policy.synthetic_v4, &policy.synthetic_v6}) {
    if (!routes.IsRouted(range->base)) continue;
    const std::string key = range->base.v6 ? "synthetic_v6" : "synthetic_v4";
    return Failure(Code::kFailedPrecondition,
                   "this machine has a route to " + ToString(*range) +
                       ", which is to stand for names in the sandbox",
                   "synthetic_range_routed",
                   "set sandbox.network." + key + " to a range that nobody here uses");
  }
  return {};
}

class Service {
 public:
  Service(Loop& loop, Routes routes, Resolver& resolver, UniqueFd control, std::size_t connections)
      : loop_(loop),
        routes_(std::move(routes)),
        resolver_(resolver),
        control_(std::move(control)),
        machine_{loop, resolver_, routes_, connections} {
    loop_.Watch(control_.get(), EPOLLIN, [this](std::uint32_t) { OnControl(); });
    ArmSweep();
  }

  Status Run() {
    TRY(SendMessage(control_.get(), wire::Encode(wire::Type::kReady)));
    while (!over_) {
      TRY(loop_.RunOnce());
      for (auto& [id, sandbox] : sandboxes_) sandbox->Bury();
    }
    return {};
  }

 private:
  void ArmSweep() {
    loop_.At(steady_clock::now() + kSweep, [this] {
      for (auto& [id, sandbox] : sandboxes_) sandbox->CheckDeadlines(steady_clock::now());
      ArmSweep();
    });
  }

  void OnControl() {
    auto packet = ReceiveMessage(control_.get(), wire::kMaxMessage, wire::kMaxFds);
    if (!packet || packet->closed) {
      over_ = true;
      return;
    }
    const auto message = wire::Decode(packet->bytes);
    // Somebody else's words: nothing that we do from here on could be trusted.
    if (!message || !Handle(*message, std::move(packet->fds))) over_ = true;
  }

  bool Handle(const wire::Message& message, std::vector<UniqueFd> fds) {
    switch (message.type) {
      case wire::Type::kResolvers:
        return static_cast<bool>(resolver_.Use(NameServers(message.body)));
      case wire::Type::kAdd: {
        const Status added = Add(message, std::move(fds));
        if (added) return Reply(wire::Encode(wire::Type::kAdded, message.sandbox));
        return Reply(
            wire::Encode(wire::Type::kFailed, message.sandbox, wire::EncodeError(added.error())));
      }
      case wire::Type::kRemove:
        sandboxes_.erase(message.sandbox);
        return Reply(wire::Encode(wire::Type::kRemoved, message.sandbox));
      default:
        return false;
    }
  }

  bool Reply(const std::string& packet) {
    return static_cast<bool>(SendMessage(control_.get(), packet));
  }

  Status Add(const wire::Message& message, std::vector<UniqueFd> fds) {
    wire::Add add = TRY(wire::DecodeAdd(message.body));
    TRY(model::CheckEgress(add.policy));
    const std::size_t ports = model::PortsOf(add.policy).size();
    if (fds.size() != wire::kFixedFds + ports || sandboxes_.contains(message.sandbox)) {
      return Failure(Code::kInvalidArgument, "sockets and ports differ in number",
                     "protocol_error");
    }
    TRY(CheckRoutes(routes_, add.policy));
    std::unique_ptr<wire::Ledger> ledger = TRY(wire::Ledger::Map(fds[0].get()));
    Sandbox::Sockets sockets;
    sockets.dns_udp = std::move(fds[1]);
    sockets.dns_tcp = std::move(fds[2]);
    for (std::size_t i = 0; i < ports; ++i) {
      sockets.listeners.push_back(std::move(fds[wire::kFixedFds + i]));
    }
    sandboxes_.emplace(message.sandbox,
                       std::make_unique<Sandbox>(machine_, std::move(add.policy), add.ipv6,
                                                 std::move(sockets), std::move(ledger)));
    return {};
  }

  Loop& loop_;
  Routes routes_;
  Resolver& resolver_;
  UniqueFd control_;
  Machine machine_;
  bool over_ = false;
  std::map<std::uint64_t, std::unique_ptr<Sandbox>> sandboxes_;
};

// As many as there are descriptors for, with some left for listeners and lookups.
Result<std::size_t> RaiseFileLimit() {
  constexpr rlim_t kEnough = 65536;
  constexpr rlim_t kKept = 512;
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return SysFailure("getrlimit");
  files.rlim_cur = std::min(files.rlim_max, kEnough);
  if (::setrlimit(RLIMIT_NOFILE, &files) != 0) return SysFailure("setrlimit");
  const rlim_t kept = std::min(kKept, files.rlim_cur / 2);
  return static_cast<std::size_t>((files.rlim_cur - kept) / Connection::kFds);
}

}  // namespace

Status Serve(UniqueFd control) {
  const std::size_t connections = TRY(RaiseFileLimit());
  const std::unique_ptr<Loop> loop = TRY(Loop::Make());
  Routes routes = TRY(Routes::Open());
  const std::unique_ptr<Resolver> resolver = TRY(Resolver::Make(*loop));
  TRY(Confine());
  Service service(*loop, std::move(routes), *resolver, std::move(control), connections);
  return service.Run();
}

}  // namespace fabro::egress
