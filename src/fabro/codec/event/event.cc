#include "fabro/codec/event/event.h"

#include "fabro/codec/json/json.h"

namespace fabro::codec {

std::string EncodeEvent(const model::Event& event) {
  model::Json json;
  json.Set("id", event.id).Set("seq", event.seq).Set("ts", event.ts);
  json.Set("run_id", event.run_id.value()).Set("event", event.name);
  json.SetIfAny("node_id", event.node_id).SetIfAny("node_label", event.node_label);
  json.SetIfAny("stage_id", event.stage_id).Set("properties", event.properties);
  return json.Dump();
}

Result<model::Event> DecodeEvent(std::string_view text) {
  const model::Json json = TRY(ParseJson(text));
  model::Event event;
  event.id = json.StringAt("id");
  event.seq = static_cast<std::uint64_t>(json.IntAt("seq"));
  event.ts = json.StringAt("ts");
  event.run_id = RunId(json.StringAt("run_id"));
  event.name = json.StringAt("event");
  event.node_id = json.StringAt("node_id");
  event.node_label = json.StringAt("node_label");
  event.stage_id = json.StringAt("stage_id");
  if (event.id.empty() || event.ts.empty() || event.name.empty() || event.run_id.value().empty()) {
    return Failure(Code::kInvalidArgument, "an event needs id, ts, run_id and event",
                   "event_invalid");
  }
  if (const model::Json* properties = json.Find("properties");
      properties != nullptr && properties->Members() != nullptr) {
    event.properties = *properties;
  }
  return event;
}

}  // namespace fabro::codec
