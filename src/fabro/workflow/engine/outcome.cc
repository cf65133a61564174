#include "fabro/workflow/engine/outcome.h"

#include <algorithm>
#include <array>
#include <utility>

namespace fabro::workflow {
namespace {

constexpr std::array kStatuses{
    std::pair{StageStatus::kSucceeded, std::string_view("succeeded")},
    std::pair{StageStatus::kFailed, std::string_view("failed")},
    std::pair{StageStatus::kPartiallySucceeded, std::string_view("partially_succeeded")},
    std::pair{StageStatus::kSkipped, std::string_view("skipped")}};

constexpr std::array kClasses{
    std::pair{FailureClass::kTransientInfra, std::string_view("transient_infra")},
    std::pair{FailureClass::kDeterministic, std::string_view("deterministic")},
    std::pair{FailureClass::kBudgetExhausted, std::string_view("budget_exhausted")},
    std::pair{FailureClass::kCanceled, std::string_view("canceled")},
    std::pair{FailureClass::kStructural, std::string_view("structural")}};

template <typename Table, typename Key>
std::string_view WordOf(const Table& table, Key key) {
  for (const auto& [value, word] : table) {
    if (value == key) return word;
  }
  return {};
}

template <typename Table>
auto ValueOf(const Table& table, std::string_view word)
    -> std::optional<typename Table::value_type::first_type> {
  for (const auto& [value, its_word] : table) {
    if (its_word == word) return value;
  }
  return std::nullopt;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); }

constexpr std::size_t kSignatureMessageSize = 240;

// Lower-cased, with what differs from one try to the next taken out: addresses, hashes, numbers.
std::string Generalized(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const bool prefixed = text.compare(i, 2, "0x") == 0;
    const std::size_t from = prefixed ? i + 2 : i;
    std::size_t end = from;
    while (end < text.size() && IsHex(text[end])) ++end;
    const auto run = std::string_view(text).substr(from, end - from);
    const bool long_enough = run.size() >= 8 && std::any_of(run.begin(), run.end(), IsDigit);
    if (prefixed ? !run.empty() : long_enough) {
      out += "<hex>";
      i = end;
    } else if (IsDigit(text[i])) {
      while (i < text.size() && IsDigit(text[i])) ++i;
      out += "<n>";
    } else {
      out += text[i++];
    }
  }
  return out.substr(0, kSignatureMessageSize);
}

}  // namespace

std::string_view ToString(StageStatus status) { return WordOf(kStatuses, status); }
std::optional<StageStatus> ParseStageStatus(std::string_view word) {
  return ValueOf(kStatuses, word);
}
std::string_view ToString(FailureClass failure_class) { return WordOf(kClasses, failure_class); }
std::optional<FailureClass> ParseFailureClass(std::string_view word) {
  return ValueOf(kClasses, word);
}

StageOutcome StageOutcome::Failed(std::string message, FailureClass failure_class) {
  StageOutcome outcome;
  outcome.status = StageStatus::kFailed;
  outcome.failure = StageFailure{std::move(message), failure_class};
  return outcome;
}

bool IsRetryable(const StageOutcome& outcome) {
  if (outcome.status != StageStatus::kFailed) return outcome.retry_requested;
  return outcome.retry_requested ||
         (outcome.failure && outcome.failure->failure_class == FailureClass::kTransientInfra);
}

void ApplyModifiers(const Modifiers& modifiers, StageOutcome& outcome) {
  if (outcome.failure && outcome.failure->failure_class == FailureClass::kCanceled) return;
  if (modifiers.allow_partial && outcome.status == StageStatus::kFailed && IsRetryable(outcome)) {
    outcome.status = StageStatus::kPartiallySucceeded;
  }
  if (modifiers.auto_status && outcome.status != StageStatus::kSucceeded &&
      outcome.status != StageStatus::kSkipped) {
    outcome.status = StageStatus::kSucceeded;
  }
  if (outcome.status != StageStatus::kFailed && outcome.failure) {
    if (!outcome.notes.empty()) outcome.notes += '\n';
    outcome.notes += outcome.failure->message;
    outcome.failure.reset();
  }
}

std::string FailureSignature(std::string_view node, const StageFailure& failure) {
  if (failure.failure_class != FailureClass::kDeterministic &&
      failure.failure_class != FailureClass::kStructural) {
    return {};
  }
  return SignatureOf(node, failure);
}

std::string SignatureOf(std::string_view node, const StageFailure& failure) {
  std::string signature(node);
  signature += '|';
  signature += ToString(failure.failure_class);
  signature += '|';
  return signature + Generalized(failure.message);
}

}  // namespace fabro::workflow
