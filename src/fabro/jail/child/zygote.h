// The zygote of a slot: builds what all Jails of the slot share, then makes their inits.
#pragma once

namespace fabro::jail::child {

// Serves wire::kZygoteSocketFd until the jailer is gone (socket or lifeline hang up); the exit
// code.
int ZygoteMain();

}  // namespace fabro::jail::child
