// Spans of time as people write them, in flags, TOML and workflow attributes.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "fabro/base/result.h"

namespace fabro {

using Nanos = std::chrono::nanoseconds;

// "500ms", "30s", "5m", "2h", "1d" (workflow language 2.3); one whole number with a unit.
// `bare_seconds`: a number without a unit counts as seconds.
Result<Nanos> ParseDuration(std::string_view text, bool bare_seconds = false);

// The exact single-unit form: "90s", "500ms"; falls to "123ns".
std::string ToString(Nanos span);

// For people, rounded: "1.2s", "2m05s", "340ms".
std::string HumanDuration(Nanos span);

}  // namespace fabro
