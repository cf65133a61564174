// Files by descriptor: whole reads with a limit, durable writes, and walks that no link can lead
// astray. All descriptors are close-on-exec. "…At" functions take a directory descriptor and a
// path below it, resolved by openat2(2) with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
// RESOLVE_NO_MAGICLINKS: a symlink on the way is ELOOP, a way out is EXDEV. The others take paths
// that the operator chose, and follow links as open(2) does.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/byte_size.h"
#include "fabro/base/result.h"
#include "fabro/linux/unique_fd.h"

namespace fabro {

inline constexpr ByteSize kDefaultReadLimit = 16_MiB;

// open(2) of a path, O_CLOEXEC added.
Result<UniqueFd> Open(const std::string& path, int flags, mode_t mode = 0);
Result<DirFd> OpenDir(const std::string& path);

// openat2(2) below `dir` as said above, O_CLOEXEC added. `path` is relative; "." is `dir` itself.
Result<UniqueFd> OpenAt(int dir, const std::string& path, int flags, mode_t mode = 0);
Result<DirFd> OpenDirAt(int dir, const std::string& path);

// All that is left in `fd`, to its end. More than `limit`: kResourceExhausted, "file_too_large".
Result<std::string> ReadFd(int fd, ByteSize limit = kDefaultReadLimit);
Result<std::string> ReadFile(const std::string& path, ByteSize limit = kDefaultReadLimit);
Result<std::string> ReadFileAt(int dir, const std::string& path,
                               ByteSize limit = kDefaultReadLimit);

// Writes all of `text`, over as many write(2) as it takes.
Status WriteFd(int fd, std::string_view text);

// Creates or truncates the file, then writes. Not atomic: for that, ReplaceFile.
Status WriteFile(const std::string& path, std::string_view text, mode_t mode = 0644);
Status WriteFileAt(int dir, const std::string& path, std::string_view text, mode_t mode = 0644);

// One write(2) of `text` to a file that exists: how control files of the kernel (cgroupfs, /proc)
// are written. They take a value whole or refuse it.
Status WriteControl(const std::string& path, std::string_view text);
Status WriteControlAt(int dir, const std::string& path, std::string_view text);

// The file has the old text or the new one, also after a power cut: temporary file beside it,
// fsync, rename, fsync of the directory. `mode` is exact, whatever the umask.
Status ReplaceFile(const std::string& path, std::string_view text, mode_t mode = 0644);
Status ReplaceFileAt(int dir, const std::string& path, std::string_view text, mode_t mode = 0644);

// mkdir -p. `mode` is for the directories made here, less the umask; those that exist stay as they
// are. A component that is no directory is ENOTDIR.
Status MakeDirs(const std::string& path, mode_t mode = 0755);
// The same below `dir`, following no link; gives the innermost directory.
Result<DirFd> MakeDirsAt(int dir, const std::string& path, mode_t mode = 0755);

// The names in a directory, sorted, without "." and ".."; the first `max` that the kernel gives.
// Reads `dir` anew, from its start.
Result<std::vector<std::string>> ListDir(int dir, std::size_t max = static_cast<std::size_t>(-1));

// Removes the file or directory tree `name` of `dir`; nothing there is success. Follows no link and
// crosses no mount: a mount below is kFailedPrecondition, "mount_in_tree", and stays. Depth and
// number of entries are limited by neither descriptors nor stack. Directories without rights for
// their owner are given them.
Status RemoveTreeAt(int dir, const std::string& name);
Status RemoveTree(const std::string& path);

}  // namespace fabro
