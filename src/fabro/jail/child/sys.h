// The few helpers that the guest's side builds on: errno as a value, a bounded path, the name of
// what a step was working on, and the mount calls that glibc has no wrapper for everywhere.
//
// Everything in this folder runs between clone and exec or in a process that never execs: no
// allocation, no exceptions, no locale, static buffers only. A function that can fail returns 0 or
// an errno; the step that it belongs to is known to the list that runs it (steps.h).
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "fabro/jail/child/wire.h"

struct mount_attr;

namespace fabro::jail::child {

// 0, or the errno of the call that gave `result`.
inline int ErrnoOf(long result) { return result < 0 ? errno : 0; }

// What the current step works on; goes out as Failed::object. Cut at kPathMax - 1.
void About(const char* object, const char* detail = "");
const char* CurrentObject();

// A path of at most kPathMax - 1 bytes on the stack; too long is remembered and refused by ok().
class Path {
 public:
  Path() = default;
  explicit Path(const char* text) { Add(text); }
  Path& Add(const char* text);
  Path& AddNumber(std::uint64_t number);
  bool ok() const { return !overflow_; }
  const char* c_str() const { return text_; }

 private:
  char text_[wire::kPathMax] = {};
  std::size_t length_ = 0;
  bool overflow_ = false;
};

// The string ends inside its array: what came over a socket may be used as a C string.
template <std::size_t N>
bool Terminated(const char (&text)[N]) {
  for (char c : text) {
    if (c == '\0') return true;
  }
  return false;
}

void CloseFd(int& fd);  // Sets -1; nothing on -1.

// Opens, writes the text in one write(2), closes: how control files are written.
int WriteControl(int dir, const char* path, const char* text);

// File-system contexts and mounts by descriptor (fsopen(2) and its family, Linux 5.2; mount_setattr
// 5.12). The descriptors are close-on-exec.
struct FsOption {
  const char* key;
  const char* value;  // nullptr: a flag.
};
// A detached mount of a new instance of `type`, or -1 with errno.
int NewMount(const char* type, const FsOption* options, std::size_t count, unsigned attributes);
// A detached copy of the one mount at `path` ("": what `dir` is open on), or -1 with errno.
int CloneMount(int dir, const char* path);
// Attaches the detached mount on the directory or file that `target` is open on.
int AttachMount(int mount, int target);
// Adds attributes (MOUNT_ATTR_*) to the one mount of `mount`.
int SetMountAttributes(int mount, std::uint64_t attributes);

// openat2(2) below `dir`, following no link and leaving it by no way. O_CLOEXEC added.
int OpenBeneath(int dir, const char* path, int flags, unsigned mode = 0);

// Puts every signal to its default and blocks none, whatever was inherited. Nobody on this side
// sets a handler afterwards, so a payload only has to unblock.
void ResetSignals();
void UnblockSignals();

}  // namespace fabro::jail::child
