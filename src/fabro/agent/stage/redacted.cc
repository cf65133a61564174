#include "fabro/agent/stage/redacted.h"

namespace fabro::agent {

using model::Json;

// NOLINTNEXTLINE(misc-no-recursion): the depth is that of parsed JSON, at most 256.
Json Redacted(const Json& value, const std::function<std::string(std::string)>& redact) {
  if (const std::string* text = value.String()) return redact(*text);
  if (const Json::Array* items = value.Items()) {
    Json::Array list;
    list.reserve(items->size());
    for (const Json& item : *items) list.push_back(Redacted(item, redact));
    return list;
  }
  if (const Json::Object* members = value.Members()) {
    Json::Object object;
    object.reserve(members->size());
    for (const auto& [name, member] : *members) {
      object.emplace_back(name, Redacted(member, redact));
    }
    return object;
  }
  return value;
}

}  // namespace fabro::agent
