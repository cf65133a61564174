#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "fabro/workflow/condition/condition.h"

namespace fabro::workflow {
namespace {

Operand Resolve(const std::string& key, const Lookup& lookup) {
  constexpr std::string_view kPrefix = "context.";
  if (auto found = lookup(key)) return *std::move(found);
  if (key.starts_with(kPrefix)) {
    if (auto found = lookup(std::string_view(key).substr(kPrefix.size()))) return *std::move(found);
  }
  return {};
}

// Spaces around are no part of a number: the output of a command ends with a newline.
std::optional<double> Number(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t start = text.find_first_not_of(kSpace);
  if (start == std::string_view::npos) return std::nullopt;
  text = text.substr(start, text.find_last_not_of(kSpace) - start + 1);
  double value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || rest != text.data() + text.size()) return std::nullopt;
  return value;
}

bool Compare(ConditionOp op, std::string_view left, std::string_view right) {
  const auto a = Number(left);
  const auto b = Number(right);
  if (!a || !b) return false;
  switch (op) {
    case ConditionOp::kLess:
      return *a < *b;
    case ConditionOp::kLessOrEqual:
      return *a <= *b;
    case ConditionOp::kGreater:
      return *a > *b;
    default:
      return *a >= *b;
  }
}

bool Contains(const Operand& operand, const std::string& literal) {
  if (!operand.elements) return operand.text.find(literal) != std::string::npos;
  return std::find(operand.elements->begin(), operand.elements->end(), literal) !=
         operand.elements->end();
}

bool Holds(const ConditionClause& clause, const Lookup& lookup) {
  const Operand operand = Resolve(clause.key, lookup);
  switch (clause.op) {
    case ConditionOp::kTruthy:
      return !operand.text.empty() && operand.text != "false" && operand.text != "0";
    case ConditionOp::kEqual:
      return operand.text == clause.literal;
    case ConditionOp::kNotEqual:
      return operand.text != clause.literal;
    case ConditionOp::kContains:
      return Contains(operand, clause.literal);
    case ConditionOp::kMatches:
      return clause.pattern != nullptr && re2::RE2::PartialMatch(operand.text, *clause.pattern);
    default:
      return Compare(clause.op, operand.text, clause.literal);
  }
}

}  // namespace

bool Evaluate(const Condition& condition, const Lookup& lookup) {
  if (condition.any_of.empty()) return true;
  return std::any_of(condition.any_of.begin(), condition.any_of.end(), [&](const auto& all_of) {
    return std::all_of(all_of.begin(), all_of.end(), [&](const ConditionClause& clause) {
      return Holds(clause, lookup) != clause.negated;
    });
  });
}

std::string NumberText(double number) {
  constexpr double kExact = 9007199254740992.0;  // 2^53: whole numbers are exact up to here.
  std::array<char, 32> buffer{};
  const bool whole = std::trunc(number) == number && std::fabs(number) <= kExact;
  const auto result = whole ? std::to_chars(buffer.data(), buffer.data() + buffer.size(),
                                            static_cast<long long>(number))
                            : std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
  return {buffer.data(), result.ptr};
}

}  // namespace fabro::workflow
