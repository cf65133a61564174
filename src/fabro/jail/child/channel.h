// Messages of wire.h over a SEQPACKET socket, and the wait for them that ends with the owner.
//
// There is one receive buffer a process (static): a Packet is good until the next Receive.
#pragma once

#include <cstdint>
#include <cstring>

#include "fabro/jail/child/sys.h"
#include "fabro/jail/child/wire.h"

namespace fabro::jail::child {

struct Packet {
  wire::Type type = wire::Type::kFailed;
  char* body = nullptr;  // Behind the header; writable, so that a reader can wipe it.
  std::uint32_t length = 0;
  int fds[wire::kMaxFds] = {};
  int fd_count = 0;

  // The descriptor at `index`, which is the caller's from now on; -1 when there is none.
  int TakeFd(int index);
  void CloseFds();  // Those that nobody took.
  void Wipe() { std::memset(body, 0, length); }

  // Copies the struct at the start of the body; false when the body is too short for it.
  template <typename T>
  bool Read(T& out) const {
    return ReadAt(0, out);
  }

  // The same for a struct behind others; `at` is where.
  template <typename T>
  bool ReadAt(std::size_t at, T& out) const {
    if (length < at + sizeof(T)) return false;
    std::memcpy(&out, body + at, sizeof(T));
    return true;
  }
};

// Blocks. 0; ECONNRESET when the peer is gone; EPROTO for a message that is not ours.
int Receive(int socket, Packet& packet);

// Blocks until `socket` has something to read. False: the lifeline hung up, or the peer is gone.
bool WaitReadable(int socket, int lifeline);

int Send(int socket, wire::Type type, const void* body, std::size_t length,
         const int* fds = nullptr, int fd_count = 0);

template <typename T>
int Send(int socket, wire::Type type, const T& body, int fd = -1) {
  return Send(socket, type, &body, sizeof(body), &fd, fd < 0 ? 0 : 1);
}

// Says which step failed with which errno and on what (About). Best effort: nobody else is left.
void SendFailed(int socket, wire::Step step, int error, std::uint32_t exec_id = 0);

}  // namespace fabro::jail::child
