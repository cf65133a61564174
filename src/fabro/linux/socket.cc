#include "fabro/linux/socket.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "fabro/linux/file.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77  // Linux 6.5, asm-generic/socket.h.
#endif

namespace fabro {
namespace {

// The address of NAME in a directory, through /proc, so that sun_path's 107 bytes bound only the
// name.
struct Address {
  UniqueFd dir;
  std::string name;
  sockaddr_un sockaddr{};

  const struct sockaddr* get() const { return reinterpret_cast<const struct sockaddr*>(&sockaddr); }
};

Result<Address> AddressOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  Address address;
  address.dir = TRY(Open(parent, O_PATH | O_DIRECTORY));
  address.name = slash == std::string::npos ? path : path.substr(slash + 1);
  const std::string via = "/proc/self/fd/" + std::to_string(address.dir.get()) + "/" + address.name;
  if (address.name.empty() || via.size() >= sizeof address.sockaddr.sun_path) {
    return SysFailureOf(ENAMETOOLONG, "socket name", path);
  }
  address.sockaddr.sun_family = AF_UNIX;
  std::memcpy(address.sockaddr.sun_path, via.c_str(), via.size() + 1);
  return address;
}

Result<UniqueFd> NewSocket(SocketType type) {
  UniqueFd fd(::socket(AF_UNIX, static_cast<int>(type) | SOCK_CLOEXEC, 0));
  if (!fd) return SysFailure("socket", "AF_UNIX");
  return fd;
}

Result<UniqueFd> ConnectTo(const Address& address, SocketType type, const std::string& path) {
  UniqueFd fd = TRY(NewSocket(type));
  while (::connect(fd.get(), address.get(), sizeof address.sockaddr) != 0) {
    if (errno != EINTR) return SysFailure("connect", path);
  }
  return fd;
}

// Removes a socket file whose listener is gone.
Status RemoveStale(const Address& address, SocketType type, const std::string& path) {
  const Result<UniqueFd> peer = ConnectTo(address, type, path);
  if (peer || peer.error().sys_errno != ECONNREFUSED) {
    return Failure(Code::kAlreadyExists, path + " is in use", "socket_in_use",
                   "stop the process that listens there (ss -xlp shows it)");
  }
  struct stat info{};
  if (::fstatat(address.dir.get(), address.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return SysFailure("stat", path);
  }
  // connect(2) to a plain file is ECONNREFUSED too.
  if (!S_ISSOCK(info.st_mode)) {
    return Failure(Code::kAlreadyExists, path + " exists and is no socket", "socket_in_use",
                   "remove the file or choose another path");
  }
  if (::unlinkat(address.dir.get(), address.name.c_str(), 0) != 0) {
    return SysFailure("unlink", path);
  }
  return {};
}

// Takes over the descriptors of a received control message. All are taken before any check, so that
// none can leak.
std::vector<UniqueFd> TakeFds(msghdr& header) {
  std::vector<UniqueFd> fds;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      fds.emplace_back(fd);
    }
  }
  return fds;
}

}  // namespace

Result<SocketPair> MakeSocketPair(SocketType type) {
  int ends[2];
  if (::socketpair(AF_UNIX, static_cast<int>(type) | SOCK_CLOEXEC, 0, ends) != 0) {
    return SysFailure("socketpair");
  }
  return SocketPair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<UniqueFd> ListenUnix(const std::string& path, SocketType type, mode_t mode) {
  const Address address = TRY(AddressOf(path));
  UniqueFd fd = TRY(NewSocket(type));
  // Before bind(2) the mode goes to the socket's inode, and the file is born with it, less the
  // umask (net/unix/af_unix.c, unix_bind_bsd): never wider than asked for.
  if (::fchmod(fd.get(), mode) != 0) return SysFailure("fchmod", path);
  if (::bind(fd.get(), address.get(), sizeof address.sockaddr) != 0) {
    if (errno != EADDRINUSE) return SysFailure("bind", path);
    TRY(RemoveStale(address, type, path));
    if (::bind(fd.get(), address.get(), sizeof address.sockaddr) != 0) {
      return SysFailure("bind", path);
    }
  }
  if (::fchmodat(address.dir.get(), address.name.c_str(), mode, 0) != 0) {
    return SysFailure("chmod", path);
  }
  if (::listen(fd.get(), SOMAXCONN) != 0) return SysFailure("listen", path);
  return fd;
}

Result<UniqueFd> ConnectUnix(const std::string& path, SocketType type) {
  const Address address = TRY(AddressOf(path));
  return ConnectTo(address, type, path);
}

Result<UniqueFd> Accept(int listener) {
  for (;;) {
    UniqueFd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (fd) return fd;
    if (errno != EINTR && errno != ECONNABORTED) return SysFailure("accept4");
  }
}

Status SendMessage(int socket, std::string_view bytes, std::span<const int> fds) {
  if (bytes.empty() || fds.size() > kMaxMessageFds) {
    return Failure(Code::kInvalidArgument,
                   "a message is neither empty nor more than 253 descriptors");
  }
  iovec data{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  std::vector<char> control(fds.empty() ? 0 : CMSG_SPACE(fds.size_bytes()));
  if (!fds.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* part = CMSG_FIRSTHDR(&header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(part), fds.data(), fds.size_bytes());
  }
  ssize_t sent = -1;
  do {
    sent = ::sendmsg(socket, &header, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return SysFailure("sendmsg");
  if (static_cast<std::size_t>(sent) != bytes.size()) return SysFailureOf(EMSGSIZE, "sendmsg");
  return {};
}

Result<Message> ReceiveMessage(int socket, std::size_t max_bytes, std::size_t max_fds) {
  // Kept and never cleared: to zero what the largest message needs would cost more than the call.
  static thread_local std::unique_ptr<char[]> buffer;
  static thread_local std::size_t capacity = 0;
  if (capacity < max_bytes) {
    buffer = std::make_unique_for_overwrite<char[]>(max_bytes);
    capacity = max_bytes;
  }
  Message message;
  iovec data{.iov_base = buffer.get(), .iov_len = max_bytes};
  // Room for one more than allowed, so that "too many" is seen and not only cut off.
  std::vector<char> control(CMSG_SPACE((max_fds + 1) * sizeof(int)));
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t got = -1;
  do {
    got = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return SysFailure("recvmsg");
  message.fds = TakeFds(header);
  const auto length = static_cast<std::size_t>(got);
  message.bytes.assign(buffer.get(), std::min(length, max_bytes));
  ::explicit_bzero(buffer.get(), message.bytes.size());  // Environments carry secrets.
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || message.fds.size() > max_fds) {
    return Failure(Code::kInvalidArgument, "message has more bytes or descriptors than allowed",
                   "message_truncated");
  }
  message.closed = got == 0 && message.fds.empty();
  return message;
}

Result<PeerIdentity> PeerCredentials(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return SysFailure("getsockopt", "SO_PEERCRED");
  }
  return PeerIdentity{peer.pid, peer.uid, peer.gid};
}

Result<UniqueFd> PeerPidfd(int socket) {
  int fd = -1;
  socklen_t size = sizeof fd;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &fd, &size) != 0) {
    if (errno == ENOPROTOOPT) return SysFailureOf(ENOSYS, "getsockopt", "SO_PEERPIDFD");
    return SysFailure("getsockopt", "SO_PEERPIDFD");
  }
  return UniqueFd(fd);
}

}  // namespace fabro
