#include "fabro/jail/supervise/channel.h"

#include <cerrno>

#include "fabro/jail/supervise/classify.h"
#include "fabro/linux/socket.h"

namespace fabro::jail::supervise {
namespace {

using wire::Step;

constexpr char kUncoverProc[] =
    "this machine's /proc is partly covered by mounts (a container?): run on the host, or start "
    "the "
    "container with an unmasked /proc";

// Of ENOSPC: the limit that namespaces(7) names for the kinds made in that step.
std::string RaiseLimits(const char* names) {
  return "raise the limits of namespaces, here and in every container around: sysctl " +
         std::string(names);
}

std::string FixOf(const wire::Failed& failed) {
  const bool full = failed.sys_errno == ENOSPC;
  switch (static_cast<Step>(failed.step)) {
    case Step::kUnshareUser:
      if (full) return RaiseLimits("user.max_user_namespaces, user.max_mnt_namespaces");
      return "allow user namespaces: sysctl -w user.max_user_namespaces=15000 (Ubuntu 24.04: also "
             "kernel.apparmor_restrict_unprivileged_userns=0)";
    case Step::kForbidUserNamespaces:
      return kUncoverProc;
    case Step::kCloneInit:
    case Step::kSealedNetwork:
      if (!full) break;
      return RaiseLimits(
          "user.max_pid_namespaces, user.max_mnt_namespaces, "
          "user.max_net_namespaces, user.max_ipc_namespaces, "
          "user.max_uts_namespaces");
    case Step::kProc:
      if (full) return RaiseLimits("user.max_pid_namespaces");
      return failed.sys_errno == EPERM ? kUncoverProc
                                       : "needs Linux 5.8 for procfs with subset=pid";
    case Step::kTimeNamespace:
      if (full) return RaiseLimits("user.max_time_namespaces");
      return "needs a kernel with CONFIG_TIME_NS (Linux 5.6)";
    default:
      break;
  }
  return "run 'faber check' to see which layers this machine has";
}

}  // namespace

Result<WireMessage> ParseWire(std::string_view packet) {
  wire::Header header;
  if (packet.size() < sizeof(header)) return Failure(Code::kInternal, "short message");
  std::memcpy(&header, packet.data(), sizeof(header));
  const std::size_t length = packet.size() - sizeof(header);
  if (header.magic != wire::kMagic || header.version != wire::kVersion || header.length != length) {
    return Failure(Code::kInternal, "faber-init and faber-jailer are not of one build",
                   "isolation_unavailable", "install both from one build");
  }
  WireMessage message;
  message.type = static_cast<wire::Type>(header.type);
  message.body = packet.substr(sizeof(header));
  return message;
}

Result<WireMessage> ReceiveWire(int socket, Deadline deadline) {
  const short events = TRY(PollOne(socket, POLLIN, deadline));
  if (events == 0) {
    return Failure(Code::kDeadlineExceeded, "the guest's side did not answer in time");
  }
  Message packet = TRY(ReceiveMessage(socket, wire::kMaxMessage, wire::kMaxFds));
  if (packet.closed) {
    WireMessage closed;
    closed.closed = true;
    return closed;
  }
  WireMessage message = TRY(ParseWire(packet.bytes));
  message.fds = std::move(packet.fds);
  return message;
}

Result<WireMessage> ExpectWire(int socket, wire::Type type, Deadline deadline) {
  WireMessage message = TRY(ReceiveWire(socket, deadline));
  if (message.closed) {
    return Failure(Code::kUnavailable, "the guest's side ended early", "isolation_unavailable",
                   "look into the kernel's log for a kill");
  }
  wire::Failed failed;
  if (message.type == wire::Type::kFailed && message.Read(failed)) return StepError(failed);
  if (message.type != type)
    return Failure(Code::kInternal, "unexpected message from the guest's side");
  return message;
}

Status SendWire(int socket, wire::Type type, std::string_view body, std::span<const int> fds) {
  wire::Header header;
  header.type = static_cast<std::uint16_t>(type);
  header.length = static_cast<std::uint32_t>(body.size());
  std::string packet(BytesOf(header));
  packet.append(body);
  return SendMessage(socket, packet, fds);
}

Error StepError(const wire::Failed& failed) {
  Error error = Failure(Code::kFailedPrecondition, "isolation: " + DescribeFailure(failed),
                        "isolation_unavailable", FixOf(failed));
  error.sys_errno = failed.sys_errno;
  return error;
}

}  // namespace fabro::jail::supervise
