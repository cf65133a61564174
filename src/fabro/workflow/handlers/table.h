// The handlers that there are, by node kind. A kind that is missing here is refused when a run is
// made ("not_supported_yet").
#pragma once

#include "fabro/workflow/engine/handler.h"

namespace fabro::workflow {

const HandlerTable& BuiltInHandlers();

// One a file; never null, live for ever.
const Handler* StartHandler();
const Handler* ExitHandler();
const Handler* ConditionalHandler();
const Handler* CommandHandler();
const Handler* HumanHandler();
const Handler* WaitHandler();
const Handler* FanInHandler();

}  // namespace fabro::workflow
