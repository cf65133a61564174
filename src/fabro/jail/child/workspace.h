// Everything that a guest may write, mounted by its init.
#pragma once

#include "fabro/jail/child/wire.h"

namespace fabro::jail::child {

// One writable tree carries all writable paths, so that its size is a true total
// (isolation.md 4.1).
//
//   tree/workspace  -> /work        tree/var-tmp  -> /var/tmp
//   tree/tmp        -> /tmp         tree/home     -> /home/agent        and so on, as plan.places
//   say
//
// kMemory: the tree is a tmpfs made here, its directories owned by the task. kDisk: the tree is
// `mount`, a detached mount that the jailer made (idmapped where it can be), with the directories
// in it; /dev/shm is a tmpfs of its own then.
//
// `mount` is the tree afterwards, and the caller keeps it as long as it lives: closing the last
// descriptor of a detached mount takes it apart, which waits for an RCU grace period (measured: 7
// ms on a busy machine, more than all the rest of a launch).
int MountWorkspace(const wire::SpawnInit& plan, int& mount);
int MountSharedMemory(const wire::SpawnInit& plan);

}  // namespace fabro::jail::child
