// The expressions inside tags. Used by the template parser alone.
#pragma once

#include <optional>
#include <string_view>

#include "fabro/template/ast.h"

namespace fabro::templates {

// Reads tokens of one tag. The first failure sticks.
class ExprParser {
 public:
  // Starts at `at` in `source`, behind the braces that open the tag.
  ExprParser(std::string_view source, std::size_t at) : source_(source), at_(at) {}

  std::optional<Expr> Expression();
  // An identifier, or empty without moving.
  std::string_view Word();
  // Takes `word` when it stands here as a whole word.
  bool TakeWord(std::string_view word);
  // Takes `symbol` when it stands here.
  bool Take(std::string_view symbol);

  std::size_t at() const { return at_; }
  const std::optional<TemplateError>& error() const { return error_; }
  std::nullopt_t Fail(std::size_t at, std::string message, std::string hint = {});

 private:
  void SkipBlanks();
  std::optional<Expr> And();
  std::optional<Expr> Not();
  std::optional<Expr> Comparison();
  std::optional<Expr> Filtered();
  std::optional<Expr> Primary();
  std::optional<Expr> Text();
  std::optional<Expr> Number();
  std::optional<Expr> LookupOf(std::string_view first, std::size_t start);
  std::optional<Expr> Filter(Expr input);

  std::string_view source_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  std::optional<TemplateError> error_;
};

}  // namespace fabro::templates
