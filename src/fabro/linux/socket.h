// AF_UNIX sockets between our own processes: pairs, named sockets, messages with descriptors, and
// who is at the other end. All descriptors are close-on-exec; sends never raise SIGPIPE.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/linux/unique_fd.h"

namespace fabro {

enum class SocketType {
  kSeqPacket = SOCK_SEQPACKET,  // Message boundaries are kept; what our protocols use.
  kStream = SOCK_STREAM,
};

struct SocketPair {
  UniqueFd first;
  UniqueFd second;
};

Result<SocketPair> MakeSocketPair(SocketType type);

// A listening socket at `path`, which may be longer than sun_path. `mode` is exact from the first
// moment. A socket file that nobody listens on is replaced; one in use is kAlreadyExists,
// "socket_in_use". Where two starters may race, the caller holds a lock.
Result<UniqueFd> ListenUnix(const std::string& path, SocketType type, mode_t mode = 0600);
Result<UniqueFd> ConnectUnix(const std::string& path, SocketType type);
Result<UniqueFd> Accept(int listener);

// The kernel takes no more descriptors in one message (SCM_MAX_FD, unix(7)).
inline constexpr std::size_t kMaxMessageFds = 253;

struct Message {
  std::string bytes;
  std::vector<UniqueFd> fds;
  bool closed = false;  // The peer is gone; nothing else is set.
};

// One sendmsg(2); the descriptors stay the caller's. `bytes` must not be empty: over SEQPACKET an
// empty message looks like the end. On a non-blocking socket that is full, sys_errno is EAGAIN; on
// a stream a part sent is an error too, so streams are for small messages.
Status SendMessage(int socket, std::string_view bytes, std::span<const int> fds = {});

// One recvmsg(2). A message with more bytes or descriptors than allowed here is kInvalidArgument,
// "message_truncated", and the descriptors that did come are closed.
Result<Message> ReceiveMessage(int socket, std::size_t max_bytes, std::size_t max_fds);

struct PeerIdentity {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};

// SO_PEERCRED: as they were when the peer connected or made the pair.
Result<PeerIdentity> PeerCredentials(int socket);

// SO_PEERPIDFD (Linux 6.5); kUnimplemented before.
Result<UniqueFd> PeerPidfd(int socket);

}  // namespace fabro
