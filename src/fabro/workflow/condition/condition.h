// Edge conditions: "outcome=succeeded && !context.n >= 3" (the workflow language, section 6).
//
// Parse once, evaluate often. Evaluation cannot fail: what is missing is the empty text, what is no
// number compares false.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace re2 {
class RE2;
}

namespace fabro::workflow {

inline constexpr std::size_t kMaxConditionSize = 64U << 10U;  // Bytes.
inline constexpr std::size_t kMaxConditionClauses = 1000;
inline constexpr std::size_t kMaxPatternSize = 4096;  // Bytes of a regular expression.

enum class ConditionOp {
  kTruthy,  // The key alone.
  kEqual,
  kNotEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kContains,
  kMatches,
};

struct ConditionClause {
  bool negated = false;
  std::string key;
  ConditionOp op = ConditionOp::kTruthy;
  std::string literal;
  std::shared_ptr<const re2::RE2> pattern;  // Of kMatches; shared by copies, never changed.
};

// Clauses joined by "&&", and these joined by "||". Empty: unconditional.
struct Condition {
  std::vector<std::vector<ConditionClause>> any_of;
};

struct ConditionError {
  std::size_t column = 1;  // In the condition, 1-based, in bytes.
  std::string message;
  std::string hint;
};

[[nodiscard]] tl::expected<Condition, ConditionError> ParseCondition(std::string_view text);

// A value of the context as conditions see it: its text form (section 6.2), and for arrays the text
// of every element.
struct Operand {
  std::string text;
  std::optional<std::vector<std::string>> elements;
};

// Finds a context key by its exact name; `outcome` and `preferred_label` are keys like any other.
using Lookup = std::function<std::optional<Operand>(std::string_view key)>;

// "context.X" means the key of that name, else X (section 6.2).
bool Evaluate(const Condition& condition, const Lookup& lookup);

// The text form of a number: no fraction when it is whole, else the shortest that reads back.
std::string NumberText(double number);

}  // namespace fabro::workflow
