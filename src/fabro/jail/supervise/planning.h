// Planning a Jail in the jailer, remembered for callers that wish the same again. Internal to the
// room.
#pragma once

#include <string_view>

#include "fabro/base/result.h"
#include "fabro/jail/plan/plan.h"
#include "fabro/jail/supervise/sources.h"
#include "fabro/model/sandbox.h"

namespace fabro::jail::supervise {

struct Planned {
  plan::HostFacts facts;
  plan::JailPlan plan;
};

// GatherFacts and PlanJail. `wish` is the message that `spec` was read from: one that names nothing
// of its sender's gives what it gave before, as long as the directories that a root shows are
// unchanged. The loop has one thread; so has this.
Result<Planned> PlanWish(std::string_view wish, const model::SandboxSpec& spec,
                         const Sources& sources);

}  // namespace fabro::jail::supervise
