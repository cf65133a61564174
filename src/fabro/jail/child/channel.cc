#include "fabro/jail/child/channel.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstring>

namespace fabro::jail::child {
namespace {

// Aligned so that the filter's instructions in the tail of an Exec can be used where they lie:
// 12 bytes of header plus a struct of 8-byte fields leaves them 4-byte aligned, as the kernel
// wants.
alignas(8) char g_buffer[wire::kMaxMessage];
static_assert(sizeof(wire::Header) == 12);
static_assert(sizeof(wire::Exec) % 8 == 0);

void TakeDescriptors(msghdr& message, Packet& packet) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(fd));
      if (packet.fd_count < static_cast<int>(wire::kMaxFds)) {
        packet.fds[packet.fd_count++] = fd;
      } else {
        CloseFd(fd);
      }
    }
  }
}

}  // namespace

int Packet::TakeFd(int index) {
  if (index < 0 || index >= fd_count) return -1;
  const int fd = fds[index];
  fds[index] = -1;
  return fd;
}

void Packet::CloseFds() {
  for (int i = 0; i < fd_count; ++i) CloseFd(fds[i]);
  fd_count = 0;
}

int Receive(int socket, Packet& packet) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * wire::kMaxFds)];
  iovec part = {g_buffer, sizeof(g_buffer)};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ssize_t got = -1;
  do {
    got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return errno;
  packet.fd_count = 0;
  TakeDescriptors(message, packet);
  if (got == 0) return ECONNRESET;

  wire::Header header;
  const std::size_t size = static_cast<std::size_t>(got);
  const bool whole = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 && size >= sizeof(header);
  if (whole) std::memcpy(&header, g_buffer, sizeof(header));
  if (!whole || header.magic != wire::kMagic || header.version != wire::kVersion ||
      header.length != size - sizeof(header)) {
    packet.CloseFds();
    return EPROTO;
  }
  packet.type = static_cast<wire::Type>(header.type);
  packet.body = g_buffer + sizeof(header);
  packet.length = header.length;
  return 0;
}

bool WaitReadable(int socket, int lifeline) {
  pollfd watched[2] = {{socket, POLLIN, 0}, {lifeline, 0, 0}};
  while (::poll(watched, 2, -1) < 0) {
    if (errno != EINTR) return false;
  }
  if (watched[1].revents != 0) return false;
  return (watched[0].revents & POLLIN) != 0;
}

int Send(int socket, wire::Type type, const void* body, std::size_t length, const int* fds,
         int fd_count) {
  wire::Header header;
  header.type = static_cast<std::uint16_t>(type);
  header.length = static_cast<std::uint32_t>(length);
  iovec parts[2] = {{&header, sizeof(header)}, {const_cast<void*>(body), length}};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * wire::kMaxFds)];
  msghdr message = {};
  message.msg_iov = parts;
  message.msg_iovlen = length == 0 ? 1 : 2;
  if (fd_count > static_cast<int>(wire::kMaxFds)) return EINVAL;
  if (fd_count > 0) {
    const std::size_t bytes = sizeof(int) * static_cast<std::size_t>(fd_count);
    std::memset(control, 0, CMSG_SPACE(bytes));
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(bytes);
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(bytes);
    std::memcpy(CMSG_DATA(rights), fds, bytes);
  }
  ssize_t sent = -1;
  do {
    sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return ErrnoOf(sent);
}

void SendFailed(int socket, wire::Step step, int error, std::uint32_t exec_id) {
  wire::Failed failed;
  failed.step = static_cast<std::uint16_t>(step);
  failed.sys_errno = error;
  failed.exec_id = exec_id;
  std::strncpy(failed.object, CurrentObject(), sizeof(failed.object) - 1);
  (void)Send(socket, wire::Type::kFailed, failed);
}

}  // namespace fabro::jail::child
