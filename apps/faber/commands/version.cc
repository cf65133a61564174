#include "apps/faber/commands/commands.h"

namespace fabro::faber {

int VersionCommand(const Invocation&) { return Print("faber " FABRO_VERSION "\n"); }

}  // namespace fabro::faber
