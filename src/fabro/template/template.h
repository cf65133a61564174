// Text with places to fill in: a subset of Jinja (the workflow language, section 16).
//
//   {{ inputs.name }}   {{ inputs['my-key'] | default('x') | upper }}   {{ '{{' }}
//   {% if goal == 'ship' and not inputs.dry %} … {% elif … %} … {% else %} … {% endif %}
//   {% for item in inputs.items %} {{ loop.index }} {{ item }} {% else %} … {% endfor %}
//   {% raw %} {{ untouched }} {% endraw %}
//
// "-" inside a tag's braces trims the blanks beside it. There are no {# comments #}: "${#list[@]}"
// is shell. Operators: == != and or not, "is defined", parentheses. Filters: default, join, length,
// lower, shell_quote, tojson, trim, upper (case only of ASCII letters).
//
// What is filled in is never rendered again. Time and size are bounded by the limits below.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "fabro/base/byte_size.h"
#include "fabro/template/value.h"

namespace fabro::templates {

inline constexpr ByteSize kMaxTemplateSize = 16_MiB;
inline constexpr ByteSize kMaxRenderedSize = 16_MiB;
inline constexpr std::size_t kMaxDepth = 32;           // Of blocks, and of expressions.
inline constexpr std::size_t kMaxIterations = 20'000;  // Of all loops together.

// A place in the template, 1-based; columns count bytes.
struct Place {
  std::size_t line = 1;
  std::size_t column = 1;

  friend bool operator==(const Place&, const Place&) = default;
};

// A name without a value.
struct UndefinedName {
  std::string name;  // As written: "inputs.who".
  Place at;
};

struct TemplateError {
  enum class Kind { kSyntax, kUndefined, kValue, kLimit };
  Kind kind = Kind::kSyntax;
  std::string message;
  std::string hint;
  Place at;
  std::string name;  // Of kUndefined.
};

enum class Undefined {
  kError,    // The first undefined name ends rendering.
  kCollect,  // Undefined names render as nothing and are listed.
};

struct Rendered {
  std::string text;
  std::vector<UndefinedName> undefined;  // Of kCollect.
};

[[nodiscard]] tl::expected<Rendered, TemplateError> Render(std::string_view source,
                                                           const Map& names, Undefined undefined);

// Whether `source` has any tag; without one, Render gives it back as it is.
bool HasTags(std::string_view source);

}  // namespace fabro::templates
