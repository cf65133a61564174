#include "fabro/jail/child/egress.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <initializer_list>

#include "fabro/jail/child/channel.h"

namespace fabro::jail::child {
namespace {

constexpr int kLoopbackIndex = 1;  // In every network namespace.
constexpr int kBacklog = 128;

struct RouteRequest {
  nlmsghdr header;
  rtmsg route;
  rtattr device;
  int index;
  rtattr destination;
  unsigned char address[16];
};

int ReadAck(int socket) {
  alignas(nlmsghdr) char buffer[1024];
  ssize_t got = -1;
  do {
    got = ::recv(socket, buffer, sizeof(buffer), 0);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return errno;
  nlmsghdr header;
  nlmsgerr error;
  if (static_cast<std::size_t>(got) < NLMSG_HDRLEN + sizeof(error)) return EPROTO;
  std::memcpy(&header, buffer, sizeof(header));
  std::memcpy(&error, buffer + NLMSG_HDRLEN, sizeof(error));
  return header.nlmsg_type == NLMSG_ERROR ? -error.error : EPROTO;
}

// ip route add local ADDRESS/PREFIX dev lo (rtnetlink(7)).
int AddLocalRoute(int socket, const wire::EgressNet::Route& route) {
  const unsigned bytes = route.v6 != 0 ? 16 : 4;
  RouteRequest request = {};
  request.header.nlmsg_type = RTM_NEWROUTE;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
  request.route.rtm_family = route.v6 != 0 ? AF_INET6 : AF_INET;
  request.route.rtm_dst_len = route.prefix;
  request.route.rtm_table = RT_TABLE_LOCAL;
  request.route.rtm_protocol = RTPROT_STATIC;
  request.route.rtm_scope = RT_SCOPE_HOST;
  request.route.rtm_type = RTN_LOCAL;
  request.device.rta_type = RTA_OIF;
  request.device.rta_len = RTA_LENGTH(sizeof(request.index));
  request.index = kLoopbackIndex;
  request.destination.rta_type = RTA_DST;
  request.destination.rta_len = static_cast<unsigned short>(RTA_LENGTH(bytes));
  std::memcpy(request.address, route.address, bytes);
  request.header.nlmsg_len = static_cast<unsigned>(offsetof(RouteRequest, address)) + bytes;
  if (::send(socket, &request, request.header.nlmsg_len, 0) < 0) return errno;
  return ReadAck(socket);
}

// `v6` becomes 0 where this kernel gives no IPv6: then nothing of it is promised inside.
int AddRoutes(const wire::EgressNet& plan, bool& v6) {
  int socket = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (socket < 0) return errno;
  int error = 0;
  for (int i = 0; i < plan.route_count && error == 0; ++i) {
    const wire::EgressNet::Route& route = plan.routes[i];
    About("route ", Path().AddNumber(static_cast<std::uint64_t>(i)).c_str());
    if (route.v6 != 0 && !v6) continue;
    error = AddLocalRoute(socket, route);
    if (error != 0 && route.v6 != 0) {
      v6 = false;
      error = 0;
    }
  }
  CloseFd(socket);
  return error;
}

// On all addresses: getsockname(2) of what is accepted says where the guest meant to go. Nobody
// inside can bind the port any more.
int ListenOn(unsigned port, bool v6) {
  int socket = ::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) return -1;
  const int off = 0;
  sockaddr_in6 any6 = {};
  any6.sin6_family = AF_INET6;
  any6.sin6_port = htons(static_cast<std::uint16_t>(port));
  sockaddr_in any4 = {};
  any4.sin_family = AF_INET;
  any4.sin_port = any6.sin6_port;
  const bool bound = v6 ? ::setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0 &&
                              ::bind(socket, reinterpret_cast<sockaddr*>(&any6), sizeof(any6)) == 0
                        : ::bind(socket, reinterpret_cast<sockaddr*>(&any4), sizeof(any4)) == 0;
  if (bound && ::listen(socket, kBacklog) == 0) return socket;
  const int error = errno;
  CloseFd(socket);
  errno = error;
  return -1;
}

// The name server's: one address alone, so that nothing else on port 53 is heard.
int NameServerSocket(const wire::EgressNet& plan, int type) {
  constexpr std::uint16_t kPort = 53;
  int socket = ::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) return -1;
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(kPort);
  std::memcpy(&address.sin_addr, plan.name_server, sizeof(plan.name_server));
  if (::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
      (type != SOCK_STREAM || ::listen(socket, kBacklog) == 0)) {
    return socket;
  }
  const int error = errno;
  CloseFd(socket);
  errno = error;
  return -1;
}

}  // namespace

int SetUpEgress(const wire::EgressNet& plan, int socket) {
  if (plan.port_count > wire::kMaxPorts || plan.route_count > wire::kMaxRoutes) return EPROTO;
  int probe = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool has_v6 = probe >= 0;
  CloseFd(probe);
  bool v6 = has_v6;
  if (int error = AddRoutes(plan, v6)) return error;
  int fds[wire::kMaxPorts + 2];
  int count = 0;
  int error = 0;
  for (const int type : {SOCK_DGRAM, SOCK_STREAM}) {
    About("name server");
    fds[count] = NameServerSocket(plan, type);
    error = fds[count] < 0 ? errno : 0;
    if (error != 0) break;
    ++count;
  }
  for (int i = 0; i < plan.port_count && error == 0; ++i) {
    About("port ", Path().AddNumber(plan.ports[i]).c_str());
    fds[count] = ListenOn(plan.ports[i], has_v6);
    error = fds[count] < 0 ? errno : 0;
    if (error == 0) ++count;
  }
  wire::NetworkReady ready;
  ready.ipv6 = v6 ? 1 : 0;
  if (error == 0) {
    error = Send(socket, wire::Type::kNetworkReady, &ready, sizeof(ready), fds, count);
  }
  while (count > 0) CloseFd(fds[--count]);
  return error;
}

}  // namespace fabro::jail::child
