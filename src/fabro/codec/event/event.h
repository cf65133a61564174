// Event envelopes as JSON: in the store, in events.jsonl, over the API (run specification, 5).
#pragma once

#include <string>
#include <string_view>

#include "fabro/base/result.h"
#include "fabro/model/event.h"

namespace fabro::codec {

// One line, without a line end. Absent optionals are left out.
std::string EncodeEvent(const model::Event& event);

// kInvalidArgument: "json_syntax", or "event_invalid" when id, ts, run_id or event is missing.
// Unknown members are dropped: newer programs may have added some.
Result<model::Event> DecodeEvent(std::string_view text);

}  // namespace fabro::codec
