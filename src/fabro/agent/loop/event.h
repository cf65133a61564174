// What a session tells of itself while it works: the events of agent, section 3, by the names that
// they have in a run.
#pragma once

#include <functional>
#include <string>

#include "fabro/base/result.h"
#include "fabro/model/json.h"

namespace fabro::agent {

struct AgentEvent {
  std::string name;  // "agent.tool.started".
  model::Json properties = model::Json::MakeObject();
  bool delta = false;  // A piece of a stream: shown, never stored.
};

// Called from several threads, never by two at once. An Error (the store is full) ends the session.
using EventSink = std::function<Status(const AgentEvent&)>;

}  // namespace fabro::agent
