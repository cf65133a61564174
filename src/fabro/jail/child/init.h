// init: pid 1 of a Jail. It makes what belongs to this Jail alone, then starts Execs and reaps.
#pragma once

#include "fabro/jail/child/egress_wire.h"
#include "fabro/jail/child/landlock.h"
#include "fabro/jail/child/wire.h"

namespace fabro::jail::child {

// Called in the fresh clone of the zygote; takes the descriptors over. `workspace` is -1 for
// kMemory, `egress` null for another network mode.
[[noreturn]] void InitMain(const wire::SpawnInit& plan, const Landlock& landlock,
                           const wire::EgressNet* egress, int socket, int lifeline, int workspace);

}  // namespace fabro::jail::child
