// What a stage produced (workflow language, section 10), as handlers make it and the engine stores
// it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/model/json.h"

namespace fabro::workflow {

enum class StageStatus { kSucceeded, kFailed, kPartiallySucceeded, kSkipped };
std::string_view ToString(StageStatus status);
std::optional<StageStatus> ParseStageStatus(std::string_view word);

enum class FailureClass {
  kTransientInfra,
  kDeterministic,
  kBudgetExhausted,
  kCanceled,
  kStructural,  // A policy of the sandbox refused what the stage did.
};
std::string_view ToString(FailureClass failure_class);
std::optional<FailureClass> ParseFailureClass(std::string_view word);

struct StageFailure {
  std::string message;
  FailureClass failure_class = FailureClass::kDeterministic;

  friend bool operator==(const StageFailure&, const StageFailure&) = default;
};

struct StageOutcome {
  StageStatus status = StageStatus::kSucceeded;
  std::string preferred_label;
  std::vector<std::string> suggested_next_ids;
  std::map<std::string, model::Json> context_updates;
  std::vector<std::string>
      offload;  // Keys of updates that go to the blob store whatever their size.
  std::string notes;
  std::optional<StageFailure> failure;  // Set exactly when `status` is failed, or was before 10.3.
  bool retry_requested = false;         // Retried whatever the class.
  // The stage did not end: the worker stops, and a resume runs the stage again. Nothing of the
  // outcome is stored.
  bool suspended = false;
  model::Json details = model::Json::MakeObject();  // Of the handler, into stage.completed.
  // Of agents and prompts, into stage.completed: {model, provider, input_tokens, …}; null: none.
  model::Json usage;
  std::string response;                    // The whole text; `response.<node>` is the handler's.
  std::vector<std::string> files_touched;  // Sorted, unique.

  static StageOutcome Succeeded() { return {}; }
  static StageOutcome Suspended() {
    StageOutcome outcome;
    outcome.suspended = true;
    return outcome;
  }
  static StageOutcome Failed(std::string message,
                             FailureClass failure_class = FailureClass::kDeterministic);
};

// Whether section 11.3 lets a failed attempt be tried again.
bool IsRetryable(const StageOutcome& outcome);

// The modifiers of section 10.3, in their order, after the last attempt.
struct Modifiers {
  bool allow_partial = false;
  bool auto_status = false;
};
void ApplyModifiers(const Modifiers& modifiers, StageOutcome& outcome);

// "node|class|message" of section 13.3, whatever the class.
std::string SignatureOf(std::string_view node, const StageFailure& failure);
// The same; empty for classes that do not count.
std::string FailureSignature(std::string_view node, const StageFailure& failure);

}  // namespace fabro::workflow
