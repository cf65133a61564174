// Reading attributes with a type (the workflow language, section 2.3, "Coercion").
//
// An attribute that is absent is an empty optional. One that cannot be read is an Error with reason
// "attr_type" whose message names key and text; the place is the attribute's own (`at`), and is
// added to the Error's context when it is known.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "fabro/base/duration.h"
#include "fabro/base/result.h"
#include "fabro/workflow/graph/graph.h"

namespace fabro::workflow {

// true, false, and the strings of these words in any case.
Result<bool> AsBool(const Attribute& attribute);
// An integer, or a string that holds one.
Result<std::int64_t> AsInt(const Attribute& attribute);
// A duration, a string that holds one, or a whole number of seconds. Never negative.
Result<Nanos> AsDuration(const Attribute& attribute);

Result<std::optional<bool>> GetBool(const Attributes& attributes, std::string_view key);
Result<std::optional<std::int64_t>> GetInt(const Attributes& attributes, std::string_view key);
Result<std::optional<Nanos>> GetDuration(const Attributes& attributes, std::string_view key);

}  // namespace fabro::workflow
