// What the names of allowed_paths and blocked_paths mean in the root and in the binds, looked up
// without leaving them: RESOLVE_IN_ROOT, so that an absolute link of an image leads to a place of
// the image. Internal to the room.
#pragma once

#include <vector>

#include "fabro/base/result.h"
#include "fabro/jail/plan/plan.h"
#include "fabro/jail/supervise/sources.h"
#include "fabro/model/sandbox.h"

namespace fabro::jail::supervise {

// `top`: descriptor of the root source. Fills HostFacts::allowed and blocked.
Status LookUpPlaces(const model::SandboxSpec& spec, int top, const Sources& sources,
                    plan::HostFacts& facts);

}  // namespace fabro::jail::supervise
