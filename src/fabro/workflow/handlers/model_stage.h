// Stages that a model does: agent and prompt nodes (workflow language, 3.2, 3.3). They need
// somebody to call, so they are made by whoever has one, and are no rows of BuiltInHandlers().
#pragma once

#include <memory>

#include "fabro/agent/agent.h"
#include "fabro/workflow/engine/handler.h"

namespace fabro::workflow {

// Both borrow `agents`. `may_ask`: somebody may be asked about calls outside the permissions; else
// they are denied.
std::unique_ptr<Handler> MakeAgentHandler(agent::Agents& agents, bool may_ask);
std::unique_ptr<Handler> MakePromptHandler(agent::Agents& agents);

// What both do. `request` has what differs.
StageOutcome RunModelStage(agent::Agents& agents, agent::StageRequest request,
                           const StageTask& task);

}  // namespace fabro::workflow
