// Routing directives in what a model said (workflow language, section 4). Pure.
#pragma once

#include <optional>
#include <string_view>

#include "fabro/agent/agent.h"

namespace fabro::agent {

// The last JSON object in the text that has a recognised key, alone or inside of prose, fences and
// other objects; nullopt: there is none. Linear in the text but for hostile nesting, which is cut
// off. What is recognised but wrong is left out with a warning.
std::optional<Directives> FindDirectives(std::string_view text);

// The file `status.json`: one object; two more names are known there.
std::optional<Directives> ReadStatusFile(std::string_view text);

}  // namespace fabro::agent
