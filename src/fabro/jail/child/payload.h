// The payload of an Exec: a fork of init that drops everything it has and becomes the guest's
// program.
#pragma once

#include <linux/filter.h>

#include "fabro/jail/child/channel.h"
#include "fabro/jail/child/wire.h"

namespace fabro::jail::child {

inline constexpr int kMaxStrings = 8192;  // argv and env together.

// An Exec unpacked, good while its Packet is. The descriptors belong to it.
struct Payload {
  wire::Exec exec;
  int status = -1;
  int stdio[3] = {-1, -1, -1};
  int leaf[wire::kMaxLeafFds] = {};
  int leaf_dir = -1;  // For the clone.
  int program = -1;
  int terminal = -1;  // The pty's slave, with tty.
  int proc = -1;      // Init's writable procfs; not owned.
  char* argv[kMaxStrings + 1] = {};
  char* env[kMaxStrings + 1] = {};
  sock_filter* filter = nullptr;
};

// Checks every count and length. 0, or EPROTO, E2BIG, EBADF; what was taken so far is in `payload`.
int ReadPayload(Packet& packet, Payload& payload);
void ClosePayload(Payload& payload);

// With tty: makes the pty, keeps the slave in `payload` and gives the master. Else nothing.
int OpenTerminal(Payload& payload, int* master);

// In the fork. Ends in execve, or in Failed on the status socket and exit.
[[noreturn]] void PayloadMain(Payload& payload);

}  // namespace fabro::jail::child
