#include "fabro/jail/supervise/jailer.h"

#include <unistd.h>

#include <memory>
#include <utility>

#include "fabro/jail/protocol/messages.h"
#include "fabro/jail/supervise/egress.h"
#include "fabro/jail/supervise/loop.h"
#include "fabro/jail/supervise/session.h"
#include "fabro/jail/supervise/slot_pool.h"
#include "fabro/linux/cgroup/hierarchy.h"
#include "fabro/linux/cgroup/job_root.h"
#include "fabro/linux/socket.h"

namespace fabro::jail::supervise {
namespace {

Result<std::unique_ptr<SlotPool>> OpenPool(Loop& loop, const std::string& init_program,
                                           const Result<Identity>& identity) {
  if (!identity) return identity.error();
  // Where a service manager put our caller in a group of its own, it is in our way on v2.
  const pid_t caller = ::getppid();
  return SlotPool::Open(loop, init_program, 0, *identity, {&caller, 1});
}

// Says to every request why there will be no sandbox.
Status Refuse(int connection, const Error& error) {
  for (;;) {
    const Message message =
        TRY(ReceiveMessage(connection, protocol::kMaxMessage, protocol::kMaxFds));
    if (message.closed) return {};
    const protocol::Frame frame = TRY(protocol::DecodeFrame(message.bytes));
    const bool hello = frame.type == protocol::Type::kHello;
    TRY(SendMessage(connection,
                    protocol::EncodeFrame(hello ? protocol::Type::kHelloOk : protocol::Type::kError,
                                          frame.request, hello ? "" : protocol::Encode(error))));
  }
}

}  // namespace

Result<Identity> TakeOwnPlace() {
  if (::geteuid() == 0) return TakeIdentity();
  const pid_t caller = ::getppid();
  const cgroup::Hierarchy hierarchy = TRY(cgroup::Detect());
  TRY(cgroup::JobRoot::Open(hierarchy, ::geteuid(), {&caller, 1}));
  return TakeIdentity();
}

Status ServeConnection(UniqueFd connection, const std::string& init_program,
                       const Result<Identity>& identity) {
  Loop loop;
  auto pool = OpenPool(loop, init_program, identity);
  if (!pool) return Refuse(connection.get(), pool.error());
  bool gone = false;
  Egress egress(loop, EgressProgram(init_program), [&] { return (*pool)->LeaseIds(); });
  Session session(loop, **pool, egress, std::move(connection), [&] { gone = true; });
  while (!gone) TRY(loop.RunOnce());
  return {};
}

}  // namespace fabro::jail::supervise
