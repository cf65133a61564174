#include "fabro/template/expr.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace fabro::templates {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWordStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsWord(char c) { return IsWordStart(c) || IsDigit(c); }

struct FilterRow {
  std::string_view name;
  std::size_t least;  // Arguments without the input.
  std::size_t most;
};

constexpr std::array<FilterRow, 8> kFilters{{{"default", 1, 1},
                                             {"join", 0, 1},
                                             {"length", 0, 0},
                                             {"lower", 0, 0},
                                             {"shell_quote", 0, 0},
                                             {"tojson", 0, 0},
                                             {"trim", 0, 0},
                                             {"upper", 0, 0}}};

Expr Join(Expr::Kind kind, std::size_t at, Expr left, Expr right) {
  Expr expr;
  expr.kind = kind;
  expr.at = at;
  expr.args.push_back(std::move(left));
  expr.args.push_back(std::move(right));
  return expr;
}

}  // namespace

std::nullopt_t ExprParser::Fail(std::size_t at, std::string message, std::string hint) {
  if (!error_) {
    error_ = TemplateError{TemplateError::Kind::kSyntax,
                           std::move(message),
                           std::move(hint),
                           PlaceOf(source_, at),
                           {}};
  }
  return std::nullopt;
}

void ExprParser::SkipBlanks() {
  at_ = std::min(source_.find_first_not_of(" \t\r\n", at_), source_.size());
}

std::string_view ExprParser::Word() {
  SkipBlanks();
  if (at_ >= source_.size() || !IsWordStart(source_[at_])) return {};
  const std::size_t start = at_;
  while (at_ < source_.size() && IsWord(source_[at_])) ++at_;
  return source_.substr(start, at_ - start);
}

bool ExprParser::TakeWord(std::string_view word) {
  SkipBlanks();
  const std::size_t start = at_;
  if (Word() == word) return true;
  at_ = start;
  return false;
}

bool ExprParser::Take(std::string_view symbol) {
  SkipBlanks();
  if (!source_.substr(at_).starts_with(symbol)) return false;
  at_ += symbol.size();
  return true;
}

std::optional<Expr> ExprParser::Expression() {
  if (++depth_ > kMaxDepth) return Fail(at_, "the expression is nested too deeply");
  auto left = And();
  while (left && TakeWord("or")) {
    const std::size_t at = at_;
    auto right = And();
    if (!right) return std::nullopt;
    left = Join(Expr::Kind::kOr, at, *std::move(left), *std::move(right));
    if (++depth_ > kMaxDepth) return Fail(at, "the expression is too long");
  }
  --depth_;
  return left;
}

std::optional<Expr> ExprParser::And() {
  auto left = Not();
  while (left && TakeWord("and")) {
    const std::size_t at = at_;
    auto right = Not();
    if (!right) return std::nullopt;
    left = Join(Expr::Kind::kAnd, at, *std::move(left), *std::move(right));
    if (++depth_ > kMaxDepth) return Fail(at, "the expression is too long");
  }
  return left;
}

std::optional<Expr> ExprParser::Not() {
  bool negated = false;
  const std::size_t at = at_;
  while (TakeWord("not")) negated = !negated;
  auto inner = Comparison();
  if (!inner || !negated) return inner;
  Expr expr;
  expr.kind = Expr::Kind::kNot;
  expr.at = at;
  expr.args.push_back(*std::move(inner));
  return expr;
}

std::optional<Expr> ExprParser::Comparison() {
  auto left = Filtered();
  if (!left) return std::nullopt;
  const std::size_t at = at_;
  if (TakeWord("is")) {
    const bool negated = TakeWord("not");
    if (!TakeWord("defined")) return Fail(at_, "'is' knows only 'defined' and 'not defined'");
    Expr defined;
    defined.kind = Expr::Kind::kDefined;
    defined.at = at;
    defined.args.push_back(*std::move(left));
    if (!negated) return defined;
    Expr expr;
    expr.kind = Expr::Kind::kNot;
    expr.at = at;
    expr.args.push_back(std::move(defined));
    return expr;
  }
  const bool equal = Take("==");
  if (!equal && !Take("!=")) return left;
  auto right = Filtered();
  if (!right) return std::nullopt;
  return Join(equal ? Expr::Kind::kEqual : Expr::Kind::kNotEqual, at, *std::move(left),
              *std::move(right));
}

std::optional<Expr> ExprParser::Filtered() {
  auto expr = Primary();
  for (std::size_t filters = 0; expr && Take("|"); ++filters) {
    if (filters > kMaxDepth) return Fail(at_, "too many filters");
    expr = Filter(*std::move(expr));
  }
  return expr;
}

std::optional<Expr> ExprParser::Filter(Expr input) {
  SkipBlanks();
  Expr expr;
  expr.kind = Expr::Kind::kFilter;
  expr.at = at_;
  expr.name = Word();
  expr.args.push_back(std::move(input));
  const auto row = std::find_if(kFilters.begin(), kFilters.end(), [&expr](const FilterRow& known) {
    return known.name == expr.name;
  });
  if (row == kFilters.end()) {
    return Fail(expr.at, "unknown filter '" + expr.name + "'",
                "filters are default, join, length, lower, shell_quote, tojson, trim, upper");
  }
  if (Take("(") && !Take(")")) {
    do {
      auto arg = Expression();
      if (!arg) return std::nullopt;
      expr.args.push_back(*std::move(arg));
    } while (Take(","));
    if (!Take(")")) return Fail(at_, "')' is missing");
  }
  const std::size_t given = expr.args.size() - 1;
  if (given < row->least || given > row->most) {
    return Fail(expr.at,
                "the filter '" + expr.name + "' got " + std::to_string(given) + " arguments");
  }
  return expr;
}

std::optional<Expr> ExprParser::Primary() {
  SkipBlanks();
  if (at_ >= source_.size()) return Fail(at_, "the tag is not closed");
  const std::size_t start = at_;
  const char c = source_[at_];
  if (c == '"' || c == '\'') return Text();
  if (IsDigit(c) || c == '-') return Number();
  if (c == '(') {
    ++at_;
    auto inner = Expression();
    if (inner && !Take(")")) return Fail(at_, "')' is missing");
    return inner;
  }
  const std::string_view word = Word();
  if (word.empty()) {
    return Fail(start, "a name or a value is expected here",
                "text that only looks like a template goes between {% raw %} and {% endraw %}");
  }
  if (word == "true" || word == "false" || word == "True" || word == "False") {
    Expr expr;
    expr.at = start;
    expr.literal = Value(word == "true" || word == "True");
    return expr;
  }
  return LookupOf(word, start);
}

std::optional<Expr> ExprParser::LookupOf(std::string_view first, std::size_t start) {
  Expr expr;
  expr.kind = Expr::Kind::kLookup;
  expr.at = start;
  expr.path.emplace_back(first);
  while (at_ < source_.size() && expr.path.size() <= kMaxDepth) {
    if (source_[at_] == '.') {
      ++at_;
      const std::size_t name = at_;
      while (at_ < source_.size() && IsWord(source_[at_])) ++at_;
      if (at_ == name) return Fail(name, "a name is missing behind '.'");
      expr.path.emplace_back(source_.substr(name, at_ - name));
    } else if (source_[at_] == '[') {
      ++at_;
      SkipBlanks();
      const char c = at_ < source_.size() ? source_[at_] : '\0';
      auto key = c == '"' || c == '\'' ? Text() : Number();
      if (!key) return std::nullopt;
      expr.path.push_back(TextOf(key->literal));
      if (!Take("]")) return Fail(at_, "']' is missing");
    } else {
      break;
    }
  }
  expr.name = source_.substr(start, at_ - start);
  return expr;
}

std::optional<Expr> ExprParser::Text() {
  Expr expr;
  expr.at = at_;
  const char quote = source_[at_++];
  std::string text;
  while (at_ < source_.size() && source_[at_] != quote) {
    char c = source_[at_++];
    if (c == '\\' && at_ < source_.size()) {
      c = source_[at_++];
      if (c == 'n')
        c = '\n';
      else if (c == 't')
        c = '\t';
      else if (c != '\\' && c != '\'' && c != '"')
        text += '\\';
    }
    text += c;
  }
  if (at_ >= source_.size()) return Fail(expr.at, "the text is not closed");
  ++at_;
  expr.literal = Value(std::move(text));
  return expr;
}

std::optional<Expr> ExprParser::Number() {
  Expr expr;
  expr.at = at_;
  const char* const begin = source_.data() + at_;
  const char* const end = source_.data() + source_.size();
  std::int64_t whole = 0;
  auto parsed = std::from_chars(begin, end, whole);
  expr.literal = Value(whole);
  if (parsed.ec == std::errc() && parsed.ptr != end && *parsed.ptr == '.') {
    double real = 0;
    parsed = std::from_chars(begin, end, real, std::chars_format::fixed);
    expr.literal = Value(real);
  }
  if (parsed.ec != std::errc()) return Fail(at_, "a number is expected here");
  at_ += static_cast<std::size_t>(parsed.ptr - begin);
  return expr;
}

}  // namespace fabro::templates
