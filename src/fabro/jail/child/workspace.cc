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
  if (inodes == 0) {
    inodes = size / kBytesPerInode;
    if (inodes < kMinInodes) inodes = kMinInodes;
  }
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

struct Place {
  const char* name = nullptr;    // In the tree.
  const char* target = nullptr;  // Absolute inside.
  unsigned mode = 0755;
  int mount = -1;
};

struct Places {
  int count = 0;
  Place all[wire::kMaxPlaces];
};

// The next NUL-terminated text of the plan's places, or nullptr when there is none.
const char* NextText(const wire::SpawnInit& plan, std::size_t& at) {
  const char* text = plan.places + at;
  const std::size_t left = sizeof(plan.places) - at;
  const void* end = std::memchr(text, '\0', left);
  if (end == nullptr || end == text) return nullptr;
  at += static_cast<std::size_t>(static_cast<const char*>(end) - text) + 1;
  return text;
}

int ReadPlaces(const wire::SpawnInit& plan, Places& places) {
  if (plan.place_count == 0 || plan.place_count > wire::kMaxPlaces) return EPROTO;
  std::size_t at = 0;
  for (int i = 0; i < plan.place_count; ++i) {
    if (at >= sizeof(plan.places)) return EPROTO;
    Place& place = places.all[places.count++];
    place.mode = plan.places[at++] == 1 ? 01777 : 0755;
    place.name = NextText(plan, at);
    place.target = NextText(plan, at);
    if (place.name == nullptr || place.target == nullptr || place.target[0] != '/') return EPROTO;
  }
  return 0;
}

void CloseCopies(Places& places) {
  for (Place& place : places.all) CloseFd(place.mount);
}

int CopyParts(int tree, Places& places) {
  for (int i = 0; i < places.count; ++i) {
    About("workspace directory ", places.all[i].name);
    places.all[i].mount = CloneMount(tree, places.all[i].name);
    if (places.all[i].mount < 0) return errno;
  }
  return 0;
}

// Copies of single directories of a tree that is mounted nowhere can be taken since Linux 6.15, and
// only of one that was made in this mount namespace. Else it is mounted at `place` first, and stays
// there below the part that is meant for it.
int CopyPartsAnyhow(int tree, Places& places) {
  if (int error = CopyParts(tree, places); error != EINVAL) return error;
  CloseCopies(places);
  if (int error = AttachAtPath(tree, places.all[0].target)) return error;
  return CopyParts(tree, places);
}

int DistributeTree(int tree, Places& places) {
  // The jailer's tree may have been mounted otherwise; the flags, which copies take over, are ours
  // to say.
  About("workspace");
  if (int error = SetMountAttributes(tree, kFlags)) return error;
  int error = CopyPartsAnyhow(tree, places);
  for (int i = 0; error == 0 && i < places.count; ++i) {
    error = AttachAtPath(places.all[i].mount, places.all[i].target);
  }
  CloseCopies(places);
  return error;
}

}  // namespace

int MountWorkspace(const wire::SpawnInit& plan, int& mount) {
  const bool memory = plan.workspace == wire::SpawnInit::kMemory;
  Places places;
  if (int error = ReadPlaces(plan, places)) return error;
  if (memory) {
    About("tmpfs of the workspace");
    CloseFd(mount);
    mount = NewTmpfs(plan.tmpfs_size, plan.tmpfs_inodes, "0755");
  }
  if (mount < 0) return memory ? errno : EBADF;
  int error = 0;
  for (int i = 0; memory && error == 0 && i < places.count; ++i) {
    error = MakeOwned(mount, places.all[i].name, places.all[i].mode, plan.task_id);
  }
  return error != 0 ? error : DistributeTree(mount, places);
}

int MountSharedMemory(const wire::SpawnInit& plan) {
  if (plan.workspace == wire::SpawnInit::kMemory) return 0;  // A part of the tree.
  if (plan.shm_size == 0) return 0;
  About("/dev/shm");
  int shm = NewTmpfs(plan.shm_size, 0, "1777");
  if (shm < 0) return errno;
  const int error = AttachAtPath(shm, "/dev/shm");
  CloseFd(shm);
  return error;
}

}  // namespace fabro::jail::child
