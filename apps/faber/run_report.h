// What `faber run` says about an Outcome. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fabro/model/outcome.h"
#include "fabro/model/run_request.h"

namespace fabro::faber {

// One line without a newline: what ended the command, how much it used, and the option that raises
// the limit. nullopt for a command that ended by itself: its exit status says enough.
std::optional<std::string> Explain(const model::Outcome& outcome, const model::RunRequest& request);

// What did not come through in network mode egress, a line each; the first few.
std::vector<std::string> ExplainNetwork(const model::NetworkUsage& usage);

}  // namespace fabro::faber
