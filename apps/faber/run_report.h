// What `faber run` says about an Outcome. Pure.
#pragma once

#include <optional>
#include <string>

#include "fabro/model/outcome.h"
#include "fabro/model/run_request.h"

namespace fabro::faber {

// One line without a newline: what ended the command, how much it used, and the option that raises
// the limit. nullopt for a command that ended by itself: its exit status says enough.
std::optional<std::string> Explain(const model::Outcome& outcome, const model::RunRequest& request);

}  // namespace fabro::faber
