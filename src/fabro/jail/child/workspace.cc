#include "fabro/jail/child/workspace.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "fabro/jail/child/sys.h"

namespace fabro::jail::child {
namespace {

constexpr unsigned kFlags = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
// The default of isolation.md 4.1 for a tree whose inodes nobody counted.
constexpr std::uint64_t kMinInodes = 1024;
constexpr std::uint64_t kBytesPerInode = 16384;

// A detached tmpfs. `huge=never`: a huge page would be charged whole for a file of one byte.
int NewTmpfs(std::uint64_t size, std::uint64_t inodes, const char* mode) {
  if (inodes == 0) inodes = size / kBytesPerInode;
  if (inodes < kMinInodes) inodes = kMinInodes;
  Path bytes;
  Path nodes;
  bytes.AddNumber(size);
  nodes.AddNumber(inodes);
  const FsOption options[] = {
      {"size", bytes.c_str()}, {"nr_inodes", nodes.c_str()}, {"mode", mode}, {"huge", "never"}};
  const int mount = NewMount("tmpfs", options, 4, kFlags);
  // A kernel without transparent huge pages does not know the word, and needs no such promise.
  return mount < 0 && errno == EINVAL ? NewMount("tmpfs", options, 3, kFlags) : mount;
}

int MakeOwned(int tree, const char* name, unsigned mode, unsigned owner) {
  About("workspace directory ", name);
  if (::mkdirat(tree, name, 0700) != 0) return errno;
  if (::fchownat(tree, name, owner, owner, AT_SYMLINK_NOFOLLOW) != 0) return errno;
  return ErrnoOf(::fchmodat(tree, name, mode, 0));
}

int AttachAtPath(int mount, const char* target) {
  About(target);
  int place = ::open(target, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (place < 0) return errno;
  const int error = AttachMount(mount, place);
  CloseFd(place);
  return error;
}

struct Part {
  const char* name;    // In the tree.
  const char* target;  // Absolute inside; empty: not wanted.
  unsigned mode;
};

constexpr int kParts = 5;

struct Copies {
  int mounts[kParts] = {-1, -1, -1, -1, -1};
};

void CloseCopies(Copies& copies) {
  for (int& mount : copies.mounts) CloseFd(mount);
}

int CopyParts(int tree, const Part (&parts)[kParts], Copies& copies) {
  for (int i = 0; i < kParts; ++i) {
    if (parts[i].target[0] == '\0') continue;
    About("workspace directory ", parts[i].name);
    copies.mounts[i] = CloneMount(tree, parts[i].name);
    if (copies.mounts[i] < 0) return errno;
  }
  return 0;
}

// Copies of single directories of a tree that is mounted nowhere can be taken since Linux 6.15, and
// only of one that was made in this mount namespace. Else it is mounted at `place` first, and stays
// there below the part that is meant for it.
int CopyPartsAnyhow(int tree, const Part (&parts)[kParts], const char* place, Copies& copies) {
  if (int error = CopyParts(tree, parts, copies); error != EINVAL) return error;
  CloseCopies(copies);
  if (int error = AttachAtPath(tree, place)) return error;
  return CopyParts(tree, parts, copies);
}

int DistributeTree(int tree, const Part (&parts)[kParts], const char* place) {
  Copies copies;
  // The jailer's tree may have been mounted otherwise; the flags, which copies take over, are ours
  // to say.
  About("workspace");
  if (int error = SetMountAttributes(tree, kFlags)) return error;
  int error = CopyPartsAnyhow(tree, parts, place, copies);
  for (int i = 0; error == 0 && i < kParts; ++i) {
    if (copies.mounts[i] < 0) continue;
    error = AttachAtPath(copies.mounts[i], parts[i].target);
  }
  CloseCopies(copies);
  return error;
}

}  // namespace

int MountWorkspace(const wire::SpawnInit& plan, int& mount) {
  const bool memory = plan.workspace == wire::SpawnInit::kMemory;
  const char* target = plan.workspace_target;
  if (!Terminated(plan.workspace_target) || !Terminated(plan.home) || target[0] != '/') {
    return EPROTO;
  }
  const bool own_home = plan.home[0] != '\0' && std::strcmp(plan.home, target) != 0;
  const Part parts[kParts] = {
      {"workspace", target, 0755},
      {"tmp", std::strcmp(target, "/tmp") == 0 ? "" : "/tmp", 01777},
      {"var-tmp", "/var/tmp", 01777},
      {"home", own_home ? plan.home : "", 0755},
      {"shm", memory ? "/dev/shm" : "", 01777},
  };
  if (memory) {
    About("tmpfs of the workspace");
    CloseFd(mount);
    mount = NewTmpfs(plan.tmpfs_size, plan.tmpfs_inodes, "0755");
  }
  if (mount < 0) return memory ? errno : EBADF;
  int error = 0;
  for (const Part& part : parts) {
    if (memory && error == 0) error = MakeOwned(mount, part.name, part.mode, plan.task_id);
  }
  return error != 0 ? error : DistributeTree(mount, parts, target);
}

int MountSharedMemory(const wire::SpawnInit& plan) {
  if (plan.workspace == wire::SpawnInit::kMemory) return 0;  // A part of the tree.
  About("/dev/shm");
  int shm = NewTmpfs(plan.shm_size, 0, "1777");
  if (shm < 0) return errno;
  const int error = AttachAtPath(shm, "/dev/shm");
  CloseFd(shm);
  return error;
}

}  // namespace fabro::jail::child
