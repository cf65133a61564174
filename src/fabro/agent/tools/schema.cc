#include "fabro/agent/tools/schema.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

namespace fabro::agent {
namespace {

using model::Json;

Error Bad(const std::string& where, const std::string& what) {
  return Failure(Code::kInvalidArgument, (where.empty() ? "arguments" : where) + ": " + what,
                 "arguments_invalid");
}

std::string_view TypeOf(const Json& value) {
  if (value.IsNull()) return "null";
  if (value.Bool() != nullptr) return "boolean";
  if (value.Int() != nullptr) return "integer";
  if (value.Double() != nullptr) return "number";
  if (value.String() != nullptr) return "string";
  return value.Items() != nullptr ? "array" : "object";
}

bool HasType(const Json& value, std::string_view type) {
  const std::string_view own = TypeOf(value);
  if (own == type) return true;
  if (type == "number") return own == "integer";
  // 3.0 is an integer (JSON Schema, 6.1.1), and models write it.
  if (type == "integer" && own == "number") return std::trunc(*value.Double()) == *value.Double();
  return false;
}

std::optional<double> Number(const Json* value) {
  if (value == nullptr) return std::nullopt;
  if (const std::int64_t* whole = value->Int()) return static_cast<double>(*whole);
  if (const double* real = value->Double()) return *real;
  return std::nullopt;
}

Status CheckType(const Json& schema, const Json& value, const std::string& where) {
  const Json* type = schema.Find("type");
  if (type == nullptr) return {};
  std::vector<std::string> allowed = schema.StringsAt("type");
  if (type->String() != nullptr) allowed = {*type->String()};
  if (allowed.empty()) return {};
  for (const std::string& one : allowed) {
    if (HasType(value, one)) return {};
  }
  std::string names;
  for (const std::string& one : allowed) names += (names.empty() ? "" : " or ") + one;
  return Bad(where, "expected " + names + ", got " + std::string(TypeOf(value)));
}

Status CheckScalar(const Json& schema, const Json& value, const std::string& where) {
  if (const Json* choices = schema.Find("enum");
      choices != nullptr && choices->Items() != nullptr) {
    const Json::Array& items = *choices->Items();
    if (std::find(items.begin(), items.end(), value) == items.end()) {
      return Bad(where, "must be one of " + choices->Dump());
    }
  }
  if (const auto number = Number(&value)) {
    const auto least = Number(schema.Find("minimum"));
    const auto most = Number(schema.Find("maximum"));
    const auto above = Number(schema.Find("exclusiveMinimum"));
    if (least && *number < *least) return Bad(where, "must be at least " + Json(*least).ToText());
    if (most && *number > *most) return Bad(where, "must be at most " + Json(*most).ToText());
    if (above && *number <= *above) return Bad(where, "must be above " + Json(*above).ToText());
  }
  if (const std::string* text = value.String()) {
    const auto shortest = Number(schema.Find("minLength"));
    if (shortest && static_cast<double>(text->size()) < *shortest) {
      return Bad(where, "must not be empty");
    }
  }
  return {};
}

// NOLINTBEGIN(misc-no-recursion): the depth is that of parsed JSON, at most 256.
Status Check(const Json& schema, const Json& value, const std::string& where);

Status CheckObject(const Json& schema, const Json& value, const std::string& where) {
  const std::string prefix = where.empty() ? "" : where + ".";
  for (const std::string& name : schema.StringsAt("required")) {
    if (value.Find(name) == nullptr) return Bad(prefix + name, "is required");
  }
  const Json* properties = schema.Find("properties");
  const Json* others = schema.Find("additionalProperties");
  const bool closed = others != nullptr && others->Bool() != nullptr && !*others->Bool();
  for (const auto& [name, member] : *value.Members()) {
    const Json* known = properties == nullptr ? nullptr : properties->Find(name);
    if (known != nullptr) {
      TRY(Check(*known, member, prefix + name));
    } else if (closed) {
      return Bad(prefix + name, "is not a parameter of this tool");
    }
  }
  return {};
}

Status Check(const Json& schema, const Json& value, const std::string& where) {
  if (schema.Members() == nullptr) return {};
  TRY(CheckType(schema, value, where));
  TRY(CheckScalar(schema, value, where));
  if (value.Members() != nullptr) TRY(CheckObject(schema, value, where));
  const Json* items = schema.Find("items");
  if (items != nullptr && value.Items() != nullptr) {
    for (std::size_t i = 0; i < value.Items()->size(); ++i) {
      TRY(Check(*items, (*value.Items())[i], where + "[" + std::to_string(i) + "]"));
    }
  }
  return {};
}
// NOLINTEND(misc-no-recursion)

}  // namespace

ObjectSchema::ObjectSchema() {
  schema_.Set("type", "object").Set("properties", Json::MakeObject());
  schema_.Set("required", Json::MakeArray()).Set("additionalProperties", false);
}

ObjectSchema& ObjectSchema::Optional(std::string_view name, std::string_view type,
                                     std::string_view about) {
  Json property;
  property.Set("type", type).SetIfAny("description", about);
  for (auto& [key, value] : *schema_.Members()) {
    if (key == "properties") value.Set(name, std::move(property));
  }
  return *this;
}

ObjectSchema& ObjectSchema::Required(std::string_view name, std::string_view type,
                                     std::string_view about) {
  for (auto& [key, value] : *schema_.Members()) {
    if (key == "required") value.Push(name);
  }
  return Optional(name, type, about);
}

ObjectSchema& ObjectSchema::With(std::string_view keyword, Json value) {
  for (auto& [key, member] : *schema_.Members()) {
    if (key == "properties") member.Members()->back().second.Set(keyword, std::move(value));
  }
  return *this;
}

Status CheckArguments(const Json& schema, const Json& arguments) {
  if (arguments.Members() == nullptr) {
    return Bad({}, "expected an object, got " + std::string(TypeOf(arguments)));
  }
  return Check(schema, arguments, {});
}

}  // namespace fabro::agent
