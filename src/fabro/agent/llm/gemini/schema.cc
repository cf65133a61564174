#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "fabro/agent/llm/gemini/wire.h"

namespace fabro::llm::gemini {
namespace {

using model::Json;

constexpr auto kKept = std::to_array<std::string_view>(
    {"type", "format", "title", "description", "nullable", "enum", "maxItems", "minItems",
     "required", "minLength", "maxLength", "pattern", "minimum", "maximum", "example", "default",
     "minProperties", "maxProperties", "propertyOrdering"});
constexpr int kMaxDepth = 64;

Json Reduce(const Json& schema, int depth);

Json ReduceEach(const Json& list, int depth) {
  Json reduced = Json::MakeArray();
  if (list.Items() == nullptr) return reduced;
  for (const Json& item : *list.Items()) reduced.Push(Reduce(item, depth));
  return reduced;
}

// The names of Google's enumeration, "STRING".
Json TypeName(const Json& type) {
  std::string name = type.ToText();
  for (char& c : name) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  }
  return name;
}

// ["string", "null"] is a string that may be null.
void SetType(const Json& types, Json& out) {
  if (types.Items() == nullptr) {
    out.Set("type", TypeName(types));
    return;
  }
  Json options = Json::MakeArray();
  for (const Json& type : *types.Items()) {
    if (type == Json("null")) {
      out.Set("nullable", true);
    } else {
      options.Push(Json::MakeObject().Set("type", TypeName(type)));
    }
  }
  if (options.Items()->size() == 1) {
    out.Set("type", *options.Items()->front().Find("type"));
  } else if (!options.Items()->empty()) {
    out.Set("anyOf", std::move(options));
  }
}

Json Reduce(const Json& schema, int depth) {
  Json out = Json::MakeObject();
  if (schema.Members() == nullptr || depth > kMaxDepth) return out;
  for (const auto& [key, value] : *schema.Members()) {
    if (key == "type") {
      SetType(value, out);
    } else if (key == "properties" && value.Members() != nullptr) {
      Json properties = Json::MakeObject();
      for (const auto& [name, property] : *value.Members()) {
        properties.Set(name, Reduce(property, depth + 1));
      }
      out.Set(key, std::move(properties));
    } else if (key == "items") {
      out.Set(key, Reduce(value, depth + 1));
    } else if (key == "anyOf" || key == "oneOf") {
      out.Set("anyOf", ReduceEach(value, depth + 1));
    } else if (key == "const") {
      out.Set("enum", Json::MakeArray().Push(value));
    } else if (std::find(kKept.begin(), kKept.end(), key) != kKept.end()) {
      out.Set(key, value);
    }
  }
  return out;
}

}  // namespace

Json ReduceSchema(const Json& schema) { return Reduce(schema, 0); }

}  // namespace fabro::llm::gemini
