// What happened in a run: the envelope that every reader of a run sees, whether from the store, the
// API or `fabro logs`. Names and properties of events: run specification, section 5.
#pragma once

#include <cstdint>
#include <string>

#include "fabro/base/id.h"
#include "fabro/model/json.h"

namespace fabro::model {

struct Event {
  std::uint64_t seq = 0;  // 1-based per run, without gaps; given by the store.
  std::string id{};       // A UUID version 7.
  std::string ts{};       // RFC 3339, milliseconds, UTC.
  RunId run_id{};
  std::string name{};     // "stage.started".
  std::string node_id{};  // Empty here and below: absent.
  std::string node_label{};
  std::string stage_id{};  // "build@2".
  Json properties = Json::MakeObject();

  friend bool operator==(const Event&, const Event&) = default;
};

}  // namespace fabro::model
