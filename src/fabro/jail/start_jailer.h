// How a faber-jailer of our own is found and started. Internal to the room.
#pragma once

#include <sys/types.h>

#include <string>

#include "fabro/base/result.h"

namespace fabro::jail {

// Its path: `wanted`, or beside this program, or in PATH. jailer_unreachable.
Result<std::string> FindJailer(const std::string& wanted);

// In a session of its own, so that a Ctrl-C of the caller's terminal does not reach it: it ends
// when its connection does. It gets no descriptor but the connection, and an empty environment.
Result<pid_t> StartJailer(const std::string& program, int connection);

}  // namespace fabro::jail
