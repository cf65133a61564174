// init: pid 1 of a Jail. It makes what belongs to this Jail alone, then starts Execs and reaps.
#pragma once

#include "fabro/jail/child/landlock.h"
#include "fabro/jail/child/wire.h"

namespace fabro::jail::child {

// Called in the fresh clone of the zygote; takes the descriptors over. `workspace` is -1 for
// kMemory.
[[noreturn]] void InitMain(const wire::SpawnInit& plan, const Landlock& landlock, int socket,
                           int lifeline, int workspace);

}  // namespace fabro::jail::child
