// The network of a Jail with mode `egress`, from inside: every address that may stand for something
// outside is made local ("AnyIP": a local route to the whole range), and a listening socket for
// each allowed port waits for whoever connects to one. The sockets go to the jailer, which gives
// them to faber-egressd; no copy stays in the Jail. There is no other route, so everything else is
// ENETUNREACH (isolation.md 10.3).
#pragma once

#include "fabro/jail/child/egress_wire.h"

namespace fabro::jail::child {

// Loopback is up. Sends kNetworkReady with the sockets over `socket`. 0 or an errno.
int SetUpEgress(const wire::EgressNet& plan, int socket);

}  // namespace fabro::jail::child
