// Rows of sections C and N.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/tcp.h>
#include <linux/vm_sockets.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <sys/inotify.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "probe.h"

namespace probe {
namespace {

int MustNotExist(int family, int type, int protocol, const char* what) {
  return MustFail(::socket(family, type, protocol), what);
}

socklen_t AbstractName(const char* name, sockaddr_un& address) {
  address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path + 1, name, sizeof(address.sun_path) - 2);
  return static_cast<socklen_t>(sizeof(sa_family_t) + 1 + std::strlen(name));
}

int AbstractSocket(const Arguments& arguments) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0) return Pass(ErrnoWord(errno), "socket(AF_UNIX)");
  sockaddr_un address;
  const socklen_t length = AbstractName(arguments.At(0), address);
  return MustFail(::connect(fd, reinterpret_cast<sockaddr*>(&address), length), "abstract socket");
}
int SharedMemory(const Arguments& arguments) {
  return MustFail(::shmget(static_cast<key_t>(std::atoi(arguments.At(0))), 4096, 0666), "shmget");
}
int MessageQueue(const Arguments& arguments) {
  return MustFail(::mq_open(arguments.At(0), O_RDWR), "mq_open");
}
int Alg(const Arguments&) { return MustNotExist(AF_ALG, SOCK_SEQPACKET, 0, "AF_ALG"); }
int Rxrpc(const Arguments&) { return MustNotExist(33, SOCK_DGRAM, AF_INET, "AF_RXRPC"); }
int Vsock(const Arguments&) { return MustNotExist(AF_VSOCK, SOCK_STREAM, 0, "AF_VSOCK"); }
int Packet(const Arguments&) { return MustNotExist(AF_PACKET, SOCK_RAW, 0, "AF_PACKET"); }
int RawIp(const Arguments&) { return MustNotExist(AF_INET, SOCK_RAW, 1, "raw ICMP"); }
int Ping(const Arguments&) {
  return MustNotExist(AF_INET, SOCK_DGRAM, IPPROTO_ICMP, "ping socket");
}
int Netfilter(const Arguments&) {
  return MustNotExist(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER, "NETLINK_NETFILTER");
}
int Xfrm(const Arguments&) {
  return MustNotExist(AF_NETLINK, SOCK_RAW, NETLINK_XFRM, "NETLINK_XFRM");
}
int UpperLayer(const Arguments&) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return Pass(ErrnoWord(errno), "socket(AF_INET)");
  return MustFail(::setsockopt(fd, IPPROTO_TCP, TCP_ULP, "espintcp", 8), "espintcp");
}
int AttachBpf(const Arguments&) {
  int ends[2] = {-1, -1};
  int program = 0;
  if (::socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) != 0) return Pass(ErrnoWord(errno), "socketpair");
  return MustFail(::setsockopt(ends[0], SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof(program)),
                  "eBPF");
}
int OutOfBand(const Arguments&) {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return Pass(ErrnoWord(errno), "socketpair");
  return MustFail(::send(ends[0], "x", 1, MSG_OOB), "MSG_OOB");
}

// Every family but those that the first argument names, a word such as ",1,2,10,16,".
int Sweep(const Arguments& arguments) {
  static char evidence[64];
  for (int family = 0; family <= 50; ++family) {
    char word[8];
    std::snprintf(word, sizeof(word), ",%d,", family);
    if (std::strstr(arguments.At(0), word) != nullptr) continue;
    for (int type = 1; type <= 6; ++type) {
      const int fd = ::socket(family, type, 0);
      if (fd < 0) continue;
      std::snprintf(evidence, sizeof(evidence), "socket(%d, %d, 0)", family, type);
      return Fail("OK", evidence);
    }
  }
  return Pass("none", "of the exotic families");
}

// argv: address port. Any failure to connect is a refusal, whose word the test compares.
int Connect(const Arguments& arguments) {
  const bool v6 = std::strchr(arguments.At(0), ':') != nullptr;
  const int fd = ::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return Pass(ErrnoWord(errno), "socket");
  sockaddr_in v4_address = {};
  sockaddr_in6 v6_address = {};
  const auto port = htons(static_cast<std::uint16_t>(std::atoi(arguments.At(1))));
  v4_address.sin_family = AF_INET;
  v4_address.sin_port = port;
  v6_address.sin6_family = AF_INET6;
  v6_address.sin6_port = port;
  ::inet_pton(AF_INET, arguments.At(0), &v4_address.sin_addr);
  ::inet_pton(AF_INET6, arguments.At(0), &v6_address.sin6_addr);
  const auto* address = v6 ? reinterpret_cast<const sockaddr*>(&v6_address)
                           : reinterpret_cast<const sockaddr*>(&v4_address);
  return MustFail(::connect(fd, address, v6 ? sizeof(v6_address) : sizeof(v4_address)),
                  arguments.At(0));
}

// Its own listener on the loopback can be reached by itself.
int OwnLoopback(const Arguments&) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  if (listener < 0) return Pass(ErrnoWord(errno), "no socket at all");
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener, raw, size) != 0 || ::listen(listener, 1) != 0 ||
      ::getsockname(listener, raw, &size) != 0) {
    return Fail(ErrnoWord(errno), "listening");
  }
  const int client = ::socket(AF_INET, SOCK_STREAM, 0);
  if (::connect(client, raw, size) != 0) return Fail(ErrnoWord(errno), "connecting to itself");
  return Pass("works", "own loopback");
}
int Inotify(const Arguments&) {
  for (int i = 0; i < 4096; ++i) {
    if (::inotify_init1(IN_CLOEXEC) < 0) return Pass(ErrnoWord(errno), "inotify instances");
  }
  return Fail("unbounded", "inotify instances");
}

constexpr Probe kSockets[] = {
    {"C1", AbstractSocket}, {"C3", SharedMemory},   {"C4", MessageQueue}, {"A29", Alg},
    {"A30a", UpperLayer},   {"A30b", Rxrpc},        {"A30c", Xfrm},       {"C5", Vsock},
    {"C6a", Packet},        {"C6b", RawIp},         {"C6c", Netfilter},   {"C7", Sweep},
    {"C8", OutOfBand},      {"C10", AttachBpf},     {"C11a", Inotify},    {"C12", Ping},
    {"connect", Connect},   {"N23own", OwnLoopback}};

}  // namespace

std::span<const Probe> Sockets() { return kSockets; }

}  // namespace probe
