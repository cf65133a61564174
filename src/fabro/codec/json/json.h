// JSON text to model::Json; the other way is Json::Dump. The one translation unit behind it holds
// the JSON library, so that everybody else maps values without its compile time.
#pragma once

#include <string_view>

#include "fabro/base/result.h"
#include "fabro/model/json.h"

namespace fabro::codec {

// One JSON value (RFC 8259) and nothing after it. Errors are kInvalidArgument, reason
// "json_syntax", and name the byte. Nesting deeper than 256 is refused ("json_too_deep"): values
// come from guests and files, and their depth is our stack. Of members with one name the last wins.
// Integers outside of 64 bits become doubles.
Result<model::Json> ParseJson(std::string_view text);

}  // namespace fabro::codec
