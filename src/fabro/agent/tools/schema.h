// The part of JSON Schema (draft 2020-12) that tools need: writing one, and holding arguments
// against one. Keywords outside of it are ignored, as a validator may (schemas of MCP servers).
#pragma once

#include <initializer_list>
#include <string_view>

#include "fabro/base/result.h"
#include "fabro/model/json.h"

namespace fabro::agent {

// An object schema, property after property: no others are allowed.
class ObjectSchema {
 public:
  ObjectSchema();
  ObjectSchema& Required(std::string_view name, std::string_view type, std::string_view about);
  ObjectSchema& Optional(std::string_view name, std::string_view type, std::string_view about);
  // Of the property added last.
  ObjectSchema& With(std::string_view keyword, model::Json value);
  model::Json Build() const { return schema_; }

 private:
  model::Json schema_;
};

// Checked: type, enum, minimum, maximum, minLength, required, properties, additionalProperties
// false, items. kInvalidArgument, "arguments_invalid", names the place ("paths[2]: expected a
// string, got a number").
Status CheckArguments(const model::Json& schema, const model::Json& arguments);

}  // namespace fabro::agent
