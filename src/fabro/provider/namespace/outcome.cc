#include "fabro/provider/namespace/outcome.h"

#include <csignal>

namespace fabro::provider {
namespace {

using model::Fate;

std::string Describe(const model::Violation& violation) {
  const std::string& call = violation.call.empty() ? violation.syscall : violation.call;
  return call + " by " + violation.comm + (violation.killed ? "" : " (refused)");
}

bool IsOutOfMemory(const model::Outcome& outcome, bool limited) {
  return outcome.fate == Fate::kOutOfMemory ||
         (limited && outcome.fate == Fate::kAncestorOutOfMemory);
}

std::string OomKilled(std::optional<ByteSize> memory) {
  std::string text = "oom_killed";
  if (memory) text += " at the limit of " + ToString(*memory);
  return text + "; raise run.environment.resources.memory";
}

bool IsOurFailure(Fate fate) {
  return fate == Fate::kNotStarted || fate == Fate::kInfrastructureFailure ||
         fate == Fate::kAncestorOutOfMemory;
}

bool IsLimit(Fate fate) {
  return fate == Fate::kPolicyViolation || fate == Fate::kOutputLimit ||
         fate == Fate::kCpuTimeLimit || fate == Fate::kPidsLimit;
}

}  // namespace

Result<ExecResult> ToExecResult(const model::Outcome& outcome, std::optional<ByteSize> memory) {
  const bool out_of_memory = IsOutOfMemory(outcome, memory.has_value());
  if (IsOurFailure(outcome.fate) && !out_of_memory) {
    const std::string fate(model::ToString(outcome.fate));
    return Failure(Code::kUnavailable,
                   "the sandbox failed: " + (outcome.message.empty() ? fate : outcome.message),
                   fate);
  }
  ExecResult result;
  result.duration = std::chrono::duration_cast<std::chrono::milliseconds>(outcome.usage.wall_time);
  for (const model::Violation& violation : outcome.violations) {
    result.notes.push_back("violation: " + Describe(violation));
  }
  if (outcome.violations_dropped > 0) {
    result.notes.push_back("violation: " + std::to_string(outcome.violations_dropped) + " more");
  }
  if (!outcome.message.empty()) result.notes.push_back(outcome.message);
  if (out_of_memory) result.notes.push_back(OomKilled(memory));
  if (outcome.fate == Fate::kTimedOut) {
    result.termination = Termination::kTimedOut;
  } else if (outcome.fate == Fate::kCancelled) {
    result.termination = Termination::kCancelled;
  } else {
    result.exit_code = out_of_memory ? 128 + SIGKILL : model::ExitCodeOf(outcome);
  }
  if (out_of_memory) {
    result.limit = model::ToString(Fate::kOutOfMemory);
  } else if (IsLimit(outcome.fate)) {
    result.limit = model::ToString(outcome.fate);
  } else if (outcome.pids_limit_hit) {
    result.limit = model::ToString(Fate::kPidsLimit);
  }
  return result;
}

std::string LastLine(const model::Outcome& outcome, std::optional<ByteSize> memory) {
  if (outcome.fate == Fate::kPolicyViolation) {
    std::string what = outcome.message;
    for (const model::Violation& violation : outcome.violations) {
      if (violation.killed || what.empty()) what = Describe(violation);
    }
    return "fabro: policy violation: " + what + "\n";
  }
  if (IsOutOfMemory(outcome, memory.has_value())) {
    return "fabro: out of memory: " + OomKilled(memory) + "\n";
  }
  if (outcome.fate == Fate::kNotExecuted) return "fabro: " + outcome.message + "\n";
  return "";
}

}  // namespace fabro::provider
