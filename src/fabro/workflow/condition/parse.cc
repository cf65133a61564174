#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <utility>

#include "fabro/workflow/condition/condition.h"

namespace fabro::workflow {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsKeyStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsKey(char c) {
  return IsKeyStart(c) || (c >= '0' && c <= '9') || c == '.' || c == ':' || c == '-';
}

struct Operator {
  std::string_view text;
  ConditionOp op;
};

// Longer ones first.
constexpr std::array<Operator, 9> kOperators{{{"contains", ConditionOp::kContains},
                                              {"matches", ConditionOp::kMatches},
                                              {"==", ConditionOp::kEqual},
                                              {"!=", ConditionOp::kNotEqual},
                                              {">=", ConditionOp::kGreaterOrEqual},
                                              {"<=", ConditionOp::kLessOrEqual},
                                              {"=", ConditionOp::kEqual},
                                              {">", ConditionOp::kGreater},
                                              {"<", ConditionOp::kLess}}};

class ConditionParser {
 public:
  explicit ConditionParser(std::string_view text) : text_(text) {}

  tl::expected<Condition, ConditionError> Run() {
    Condition condition;
    SkipSpace();
    if (AtEnd()) return condition;
    if (Expression(condition)) return condition;
    return tl::unexpected(std::move(error_));
  }

 private:
  bool AtEnd() const { return at_ >= text_.size(); }
  std::string_view Rest() const { return text_.substr(at_); }
  void SkipSpace() {
    while (!AtEnd() && IsSpace(text_[at_])) ++at_;
  }
  bool Take(std::string_view token) {
    SkipSpace();
    if (!Rest().starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  bool Fail(std::size_t at, std::string message, std::string hint = {}) {
    error_ = {at + 1, std::move(message), std::move(hint)};
    return false;
  }

  bool Expression(Condition& condition);
  bool Clause(ConditionClause& clause);
  bool Key(ConditionClause& clause);
  bool TakeOperator(ConditionClause& clause);
  bool Literal(ConditionClause& clause);
  bool Quoted(std::string& literal);
  bool Compile(ConditionClause& clause, std::size_t at);

  std::string_view text_;
  std::size_t at_ = 0;
  ConditionError error_;
};

bool ConditionParser::Expression(Condition& condition) {
  condition.any_of.emplace_back();
  for (std::size_t clauses = 1;; ++clauses) {
    if (clauses > kMaxConditionClauses) {
      return Fail(at_, "more than " + std::to_string(kMaxConditionClauses) + " clauses");
    }
    ConditionClause clause;
    if (!Clause(clause)) return false;
    condition.any_of.back().push_back(std::move(clause));
    SkipSpace();
    if (AtEnd()) return true;
    if (Take("&&")) continue;
    if (Take("||")) {
      condition.any_of.emplace_back();
      continue;
    }
    return Fail(at_, "'&&', '||' or the end is expected here",
                "a comparison is: key, operator, value");
  }
}

bool ConditionParser::Clause(ConditionClause& clause) {
  while (Take("!")) clause.negated = !clause.negated;
  if (!Key(clause)) return false;
  if (!TakeOperator(clause)) return true;
  const std::size_t at = at_;
  if (!Literal(clause)) return false;
  return clause.op != ConditionOp::kMatches || Compile(clause, at);
}

bool ConditionParser::Key(ConditionClause& clause) {
  SkipSpace();
  if (AtEnd()) return Fail(at_, "a key is missing at the end");
  const char c = text_[at_];
  if (c == '(') {
    return Fail(at_, "parentheses are not supported",
                "'&&' binds tighter than '||'; or use a second edge");
  }
  if (!IsKeyStart(c)) {
    return Fail(at_, "a key is expected here",
                "keys are letters, digits and _ . : - and start with a letter or '_'");
  }
  const std::size_t start = at_;
  while (!AtEnd() && IsKey(text_[at_])) ++at_;
  clause.key = text_.substr(start, at_ - start);
  return true;
}

bool ConditionParser::TakeOperator(ConditionClause& clause) {
  SkipSpace();
  for (const Operator& known : kOperators) {
    if (!Rest().starts_with(known.text)) continue;
    const std::string_view behind = Rest().substr(known.text.size());
    const bool word = known.op == ConditionOp::kContains || known.op == ConditionOp::kMatches;
    if (word && !behind.empty() && !IsSpace(behind.front()) && behind.front() != '"') continue;
    at_ += known.text.size();
    clause.op = known.op;
    return true;
  }
  return false;
}

// A quoted string, or everything up to the next connective, trimmed.
bool ConditionParser::Literal(ConditionClause& clause) {
  SkipSpace();
  if (!AtEnd() && text_[at_] == '"') return Quoted(clause.literal);
  const std::size_t stop = std::min({text_.find("&&", at_), text_.find("||", at_), text_.size()});
  std::size_t end = stop;
  while (end > at_ && IsSpace(text_[end - 1])) --end;
  if (end == at_) {
    return Fail(at_, "the value to compare '" + clause.key + "' with is missing",
                "write \"\" for the empty text");
  }
  clause.literal = text_.substr(at_, end - at_);
  at_ = stop;
  return true;
}

// The escapes of strings in workflow files (section 2.3).
bool ConditionParser::Quoted(std::string& literal) {
  const std::size_t start = at_++;
  while (!AtEnd()) {
    const char c = text_[at_++];
    if (c == '"') return true;
    if (c != '\\' || AtEnd()) {
      literal += c;
      continue;
    }
    const char escaped = text_[at_++];
    if (escaped == 'n') {
      literal += '\n';
    } else if (escaped == 't') {
      literal += '\t';
    } else if (escaped == '"' || escaped == '\\') {
      literal += escaped;
    } else {
      literal += '\\';
      literal += escaped;
    }
  }
  return Fail(start, "the quoted value is not closed");
}

bool ConditionParser::Compile(ConditionClause& clause, std::size_t at) {
  if (clause.literal.size() > kMaxPatternSize) {
    return Fail(
        at, "the regular expression is longer than " + std::to_string(kMaxPatternSize) + " bytes");
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(1 << 20);
  auto pattern = std::make_shared<const re2::RE2>(clause.literal, options);
  if (!pattern->ok()) {
    return Fail(at, "bad regular expression: " + pattern->error(),
                "the syntax is RE2's: no look-around, no back references");
  }
  clause.pattern = std::move(pattern);
  return true;
}

}  // namespace

tl::expected<Condition, ConditionError> ParseCondition(std::string_view text) {
  if (text.size() > kMaxConditionSize) {
    return tl::unexpected(ConditionError{
        1, "the condition is longer than " + std::to_string(kMaxConditionSize) + " bytes", {}});
  }
  return ConditionParser(text).Run();
}

}  // namespace fabro::workflow
