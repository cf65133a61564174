// The Landlock domain of a Jail: init enters it once all of its mounts stand, and every payload is
// born in it. So all Execs of a Jail are in one domain: they may signal and trace each other as
// they could before, and no Exec pays for it. Nothing mounts after it (landlock(7): EPERM), which
// holds for init, too.
#pragma once

#include "fabro/jail/child/channel.h"
#include "fabro/jail/child/wire.h"

namespace fabro::jail::child {

// What a zygote keeps for its inits.
struct Landlock {
  wire::Landlock order;
  wire::LandlockRule rules[wire::kMaxLandlockRules];
};

// The rules behind `at` bytes of the packet's body; 0, E2BIG or EPROTO.
int ReadLandlock(const Packet& packet, std::size_t at, const wire::Landlock& order,
                 Landlock& landlock);

// Restricts the calling process for good. Nothing to do where order.abi is 0. 0 or an errno; About
// says of which rule.
int EnterLandlock(const Landlock& landlock);

}  // namespace fabro::jail::child
