// The part of wire.h that says how a slot's root is built. Same rules as there.
#pragma once

#include <cstdint>

namespace fabro::jail::wire {

inline constexpr std::uint32_t kPathMax = 256;

// One step of building the read-only root, relative to the new root directory; in order. No
// component of a target may be a symlink. /proc is made by the zygote; kDevices makes pts and shm
// below its target.
struct MountStep {
  enum Kind : std::uint16_t {
    kDirectory = 1,  // mkdir -p target, `mode`.
    kSymlink = 2,    // target -> text.
    kFile = 3,       // Empty or with content of `fd` (a memfd), `mode`.
    kMount = 4,  // move_mount(fd, target): a detached mount made by the jailer. The target exists.
    kTmpfs = 5,  // A tmpfs of `size` bytes at target, sealed read-only with the root.
    // /dev: null zero full random urandom tty are fds fd..fd+5, detached mounts; and links.
    kDevices = 6,
    kCover = 7,  // kFile over what is at target, from a tmpfs that no name leads to.
  };
  std::uint16_t kind = 0;
  std::int16_t fd = -1;  // Index into the message's descriptors.
  std::uint32_t mode = 0755;
  std::uint64_t size = 0;
  char target[kPathMax] = {};
  char text[kPathMax] = {};
};

}  // namespace fabro::jail::wire
