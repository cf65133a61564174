// A Group is one control group as we see it: a directory of the same name in every tree of the
// Hierarchy. It owns descriptors of those directories, and neither the groups nor what runs in
// them: JobRoot, SlotGroup and Leaf do.
//
// All files are reached by openat from these descriptors; names are constants or made by us.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/linux/cgroup/hierarchy.h"
#include "fabro/linux/poll.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::cgroup {

// Control files that are read again and again stay open: an open costs five times the read.
struct KeptFile {
  std::string name;
  UniqueFd fd;
};

// The directory of a Group in one tree.
struct Member {
  DirFd dir;
  Version version = Version::kV2;
  ControllerSet controllers;
  bool keep_files = false;
  mutable std::vector<KeptFile> kept = {};  // Filled by ReadControl when keep_files is set.
};

class Group {
 public:
  Group() = default;
  Group(std::string name, std::vector<Member> members)
      : name_(std::move(name)), members_(std::move(members)) {}

  const std::string& name() const { return name_; }
  const std::vector<Member>& members() const { return members_; }

  // The member with that controller's files; nullptr when it is used nowhere.
  const Member* Find(Controller controller) const;
  // The member in the v2 tree; nullptr on a pure v1 host.
  const Member* unified() const;

  // Opens the group `name` below, in every tree. kNotFound when one of them lacks it.
  Result<Group> OpenChild(const std::string& name) const;
  // Makes it; an existing one is kAlreadyExists. After a failure none of the new directories is
  // left.
  Result<Group> MakeChild(const std::string& name) const;
  // Opens it, or makes what is not there.
  Result<Group> EnsureChild(const std::string& name) const;
  // Names of the groups below, in any of the trees.
  Result<std::vector<std::string>> Children() const;

  // From now on files that were read once stay open.
  void KeepFilesOpen();

  // v2: lets the groups below use our controllers (cgroup.subtree_control). Nothing to do on v1.
  Status EnableForChildren() const;

  // Whether any process is in the group (v2: or below), in any of the trees.
  Result<bool> Populated() const;
  // Waits until none is; kDeadlineExceeded otherwise.
  Status WaitEmpty(Deadline deadline) const;

  // Removes the directories; they must have no process and no group below. A group that is still
  // busy with its last exits is tried again until `deadline`. Nothing there is success.
  Status Remove(Deadline deadline) const;

 private:
  Result<Group> Child(const std::string& name, bool make, bool may_exist) const;

  std::string name_;  // Of the last path component.
  std::vector<Member> members_;
};

// Files of the kernel's interface with one number or "max", and those with "key value" lines.
Result<std::string> ReadControl(const Member& member, const char* file);
Status WriteControl(const Member& member, const char* file, std::string_view text);
bool HasControl(const Member& member, const char* file);
// "max" is the largest number.
Result<std::uint64_t> ReadNumber(const Member& member, const char* file);
// The number after `key ` at the start of a line of `text`; none when there is no such line.
std::optional<std::uint64_t> FindKey(std::string_view text, std::string_view key);

}  // namespace fabro::cgroup
