#include "fabro/egress/routes.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace fabro::egress {
namespace {

struct Request {
  nlmsghdr header;
  rtmsg route;
  rtattr attribute;
  unsigned char address[16];
};

}  // namespace

Result<Routes> Routes::Open() {
  UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket) return SysFailure("socket", "NETLINK_ROUTE");
  // The kernel answers at once; should it not, we go on without knowing.
  const timeval limit{.tv_sec = 1, .tv_usec = 0};
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0) {
    return SysFailure("SO_RCVTIMEO");
  }
  return Routes(std::move(socket));
}

std::optional<Routes::Answer> Routes::Ask(const model::IpAddress& address, unsigned flags) {
  const auto bytes = static_cast<std::size_t>(address.bits() / 8);
  Request request{};
  request.header.nlmsg_len = static_cast<std::uint32_t>(offsetof(Request, address) + bytes);
  request.header.nlmsg_type = RTM_GETROUTE;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.header.nlmsg_seq = ++sequence_;
  request.route.rtm_family = address.v6 ? AF_INET6 : AF_INET;
  request.route.rtm_dst_len = static_cast<unsigned char>(address.bits());
  request.route.rtm_flags = flags;
  request.attribute.rta_type = RTA_DST;
  request.attribute.rta_len = static_cast<unsigned short>(RTA_LENGTH(bytes));
  std::copy_n(address.bytes.begin(), bytes, request.address);
  if (::send(socket_.get(), &request, request.header.nlmsg_len, 0) < 0) return std::nullopt;
  for (;;) {
    alignas(nlmsghdr) char buffer[4096];
    const ssize_t got = ::recv(socket_.get(), buffer, sizeof(buffer), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < static_cast<ssize_t>(sizeof(nlmsghdr))) return std::nullopt;
    nlmsghdr header;
    std::memcpy(&header, buffer, sizeof(header));
    if (header.nlmsg_seq != sequence_) continue;  // Of a question that timed out.
    const char* body = buffer + NLMSG_HDRLEN;
    const std::size_t size = static_cast<std::size_t>(got) - NLMSG_HDRLEN;
    Answer answer;
    if (header.nlmsg_type == NLMSG_ERROR && size >= sizeof(nlmsgerr)) {
      nlmsgerr error;
      std::memcpy(&error, body, sizeof(error));
      answer.error = -error.error;
      return answer;
    }
    if (header.nlmsg_type != RTM_NEWROUTE || size < sizeof(rtmsg)) return std::nullopt;
    rtmsg route;
    std::memcpy(&route, body, sizeof(route));
    answer.type = route.rtm_type;
    answer.prefix = route.rtm_dst_len;
    return answer;
  }
}

Routes::Kind Routes::Of(const model::IpAddress& address) {
  const std::optional<Answer> answer = Ask(address, 0);
  if (!answer) return Kind::kOwn;
  if (answer->error != 0) {
    // ENETUNREACH, EHOSTUNREACH, and EINVAL and EACCES of blackhole and prohibit routes.
    return Kind::kNone;
  }
  switch (answer->type) {
    case RTN_UNICAST:
      return Kind::kOther;
    case RTN_UNREACHABLE:
    case RTN_BLACKHOLE:
    case RTN_PROHIBIT:
    case RTN_THROW:
      return Kind::kNone;
    default:
      return Kind::kOwn;
  }
}

bool Routes::IsRouted(const model::IpAddress& address) {
  const std::optional<Answer> answer = Ask(address, RTM_F_FIB_MATCH);
  return answer && answer->error == 0 && answer->prefix > 0;
}

}  // namespace fabro::egress
