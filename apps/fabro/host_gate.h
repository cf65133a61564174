// Which hosts a tool that works on this machine may reach, when the sandbox's network is
// restricted: those that the sandbox may (agent specification, 4.8).
#pragma once

#include "fabro/agent/mcp/transport.h"
#include "fabro/model/egress.h"

namespace fabro::cli {

// Gives the address to connect to, checked and resolved here, so that nobody looks it up again.
// kPermissionDenied "network_denied" names host and port.
agent::mcp::Admit AdmitBy(model::EgressPolicy policy);

}  // namespace fabro::cli
