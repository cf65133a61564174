// The parsed form of a template. Used by the parser and the renderer alone.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/template/template.h"

namespace fabro::templates {

struct Expr {
  enum class Kind { kLiteral, kLookup, kNot, kAnd, kOr, kEqual, kNotEqual, kDefined, kFilter };
  Kind kind = Kind::kLiteral;
  std::size_t at = 0;  // Offset in the source.
  Value literal;
  std::string name;               // Of a lookup, as written; of a filter, its name.
  std::vector<std::string> path;  // Of a lookup.
  std::vector<Expr> args;         // Operands; of a filter the input comes first.
};

struct Piece {
  enum class Kind { kText, kOutput, kIf, kFor };
  Kind kind = Kind::kText;
  std::string_view text;  // In the source.
  Expr expr;              // What is put out, tested, or looped over.
  std::string variable;   // Of a loop.
  std::vector<Piece> body;
  std::vector<Piece> otherwise;
};

[[nodiscard]] tl::expected<std::vector<Piece>, TemplateError> ParseTemplate(
    std::string_view source);

Place PlaceOf(std::string_view source, std::size_t offset);

}  // namespace fabro::templates
