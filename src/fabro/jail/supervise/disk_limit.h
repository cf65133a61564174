// Byte and inode limits of a disk workspace (isolation 4.7): a project quota on its directory, or a
// file system of its own in an image file. Both are the kernel's; nothing is polled. Internal to
// the room.
#pragma once

#include <cstdint>
#include <string>

#include "fabro/base/byte_size.h"
#include "fabro/base/result.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::jail::supervise {

// The ext4 file system in the image that the descriptor `image` (O_PATH) names, as a detached
// mount: nosuid, nodev, in no namespace. Its loop device clears itself when the last mount of it is
// gone, however its users died. A loop device that an earlier user still has is waited for, up to
// two seconds; two at once would destroy the file system. Errors: workspace_refused,
// disk_unenforceable.
Result<UniqueFd> MountImage(int image, const std::string& path);

// Limits what is below `directory` (a readable descriptor) by a project quota of its file system,
// and proves that it counts. The project is the directory's inode number, which nobody else on that
// file system has; a guest in a user namespace cannot leave it (ioctl_fsxattr: the project can only
// be changed from the initial user namespace). Error: disk_unenforceable when the file system has
// no active project quota.
Status LimitByQuota(int directory, const std::string& path, ByteSize bytes, std::uint64_t inodes);

}  // namespace fabro::jail::supervise
