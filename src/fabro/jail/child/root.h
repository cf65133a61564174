// The read-only root of a slot: a tmpfs that the steps of a BuildSlot fill, which then becomes `/`.
// Built by the zygote once; every Jail of the slot gets a copy of the mount tree.
#pragma once

#include "fabro/jail/child/channel.h"
#include "fabro/jail/child/wire.h"

namespace fabro::jail::child {

struct Root {
  int top = -1;                           // The tmpfs that becomes `/`.
  int sealed[wire::kMaxMounts + 1] = {};  // Mounts of ours that go read-only at the end.
  std::uint64_t seal_flags[wire::kMaxMounts + 1] = {};
  int sealed_count = 0;
  int covers = -1;  // The tmpfs of kCover's files while the root is built.
  int cover_count = 0;
};

// Each gives 0 or an errno, and leaves the object that failed in About().
int MakeTop(Root& root);
// The MountSteps behind the BuildSlot in `packet`; takes its descriptors.
int RunMountSteps(Root& root, std::uint16_t count, Packet& packet);
// A procfs has to be in sight for the next one to be allowed (mount_too_revealing, fs/namespace.c),
// and the host's goes with the old root. So one stays at /proc, below that of each init: that of a
// pid namespace whose only process has ended, with nobody in it. The errno EPERM means that the
// host's /proc is covered in part. For a Jail that gets a `whole` one it must be whole itself, and
// a sysfs stays at /sys for the same reason.
int MountProcPlaceholder(Root& root, bool whole);
int MountSysPlaceholder(Root& root);
int EnterRoot(Root& root);
int SealRoot(Root& root);

}  // namespace fabro::jail::child
