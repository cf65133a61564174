// The file helper: carries one call of jail/files.h out inside the Jail, as the task's user.
#pragma once

namespace fabro::jail::child {

// Serves stdin and stdout (files_wire.h). The exit code: 0 also for an error that was reported.
int FileHelperMain();

}  // namespace fabro::jail::child
