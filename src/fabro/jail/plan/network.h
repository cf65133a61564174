// What network mode `egress` adds to a plan; empty for the other modes. Internal to the room.
#pragma once

#include <string>
#include <vector>

#include "fabro/model/sandbox.h"

namespace fabro::jail::plan {

// Of the network mode that is set: who has no hosts may not name any, and the policy is sound.
Status CheckNetwork(const model::SandboxSpec& spec, model::NetworkMode mode);

// Synthetic addresses and those that rules name; nothing else is reachable, or even a refusal.
std::vector<model::IpRange> LocalRoutes(const model::SandboxSpec& spec);

// The content of resolv.conf(5) inside, without the last line's end.
std::string Resolvers(const model::SandboxSpec& spec);

// The policy as a part of the slot's text (JailPlan::policy).
std::string EgressText(const model::SandboxSpec& spec);

}  // namespace fabro::jail::plan
