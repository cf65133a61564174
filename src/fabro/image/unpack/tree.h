// A root file system that grows in a directory, from entries that nobody may trust.
//
// Every path is resolved by openat2(2) with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS |
// RESOLVE_NO_XDEV: a link that an earlier entry made, absolute or through "..", leads to a place of
// the same tree and never out of it. What cannot be said safely is refused (rootfs_refused), what
// has no use in a sandbox is left out and counted: devices, FIFOs and sockets, set-id and sticky
// bits, extended attributes (file capabilities) and all owners but 0 and 1000.
//
// Nobody else writes to the directory meanwhile. Spec: isolation 4.2, threat matrix Z1, Z2.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>

#include "fabro/base/result.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::image {

// What one image may become on disk. Past a limit: kResourceExhausted, rootfs_too_large.
struct TreeLimits {
  std::uint64_t entries = 1'000'000;
  std::uint64_t bytes = std::uint64_t{32} << 30U;
  // Of content to compressed bytes, once the content is past free_bytes: an archive of nothing but
  // a bomb is stopped early.
  std::uint64_t ratio = 200;
  std::uint64_t free_bytes = std::uint64_t{256} << 20U;
};

struct Attributes {
  std::uint32_t mode = 0644;
  std::int64_t uid = 0;
  std::int64_t gid = 0;
  std::int64_t mtime = 0;  // Seconds since the epoch; kept, since .pyc files depend on it.
};

class TreeWriter {
 public:
  // `top`: descriptor of the directory, not owned. `owners`: give files to the ids of the archive
  // (0 and 1000); without the right to, they stay the caller's.
  TreeWriter(int top, TreeLimits limits, bool owners);

  // From here on whiteouts hide what was there before (OCI image layer specification).
  void BeginLayer() { touched_.clear(); }

  Status MakeDirectory(std::string_view path, const Attributes& attributes);
  // Empty and open for writing; FinishFile() gives it its attributes.
  Result<UniqueFd> MakeFile(std::string_view path);
  Status FinishFile(int file, const Attributes& attributes);
  Status MakeSymlink(std::string_view path, const std::string& text);
  // To a regular file of the tree.
  Status MakeHardLink(std::string_view path, std::string_view target);
  // Removes what earlier layers have at `path`, or everything they have below it.
  Status HideLower(std::string_view path);
  Status HideLowerBelow(std::string_view directory);

  // Counts an entry that is left out.
  Status SkipSpecial();
  // Counts content; `consumed`: bytes of the archive file read so far.
  Status CountBytes(std::uint64_t bytes, std::uint64_t consumed);

  std::uint64_t entries() const { return entries_; }
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t skipped() const { return skipped_; }

 private:
  struct Place {
    int parent = -1;  // Of parent_; valid until the next call.
    std::string name;
  };
  Result<Place> Locate(std::string_view path, bool make_parents);
  Result<DirFd> OpenParent(const std::string& path, bool make);
  Result<DirFd> MakeParents(const std::string& path);
  Status MakeRoom(const Place& place, bool keep_directory);
  Status GiveOwner(int fd, const Attributes& attributes);
  Status CountEntry();
  void Touch(const std::string& path);
  Status HideChildren(int directory, const std::string& path);

  int top_;
  TreeLimits limits_;
  bool owners_;
  std::uint64_t entries_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t skipped_ = 0;
  // Paths of this layer and of the directories above them.
  std::unordered_set<std::string> touched_;
  // Entries come directory by directory.
  std::string parent_path_;
  DirFd parent_;
};

// The path of an archive entry as one below the root: without leading "/" and "./" and without
// empty and "." components; empty for the root itself. Refused: "..", components of more than 255
// bytes, more than 4095 bytes or 128 components.
Result<std::string> CleanPath(std::string_view path);

}  // namespace fabro::image
