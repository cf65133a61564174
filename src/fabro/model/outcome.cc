#include "fabro/model/outcome.h"

#include <cerrno>

namespace fabro::model {

std::string_view ToString(Fate fate) {
  switch (fate) {
    case Fate::kPolicyViolation:
      return "policy_violation";
    case Fate::kOutOfMemory:
      return "out_of_memory";
    case Fate::kAncestorOutOfMemory:
      return "ancestor_out_of_memory";
    case Fate::kOutputLimit:
      return "output_limit";
    case Fate::kCpuTimeLimit:
      return "cpu_time_limit";
    case Fate::kTimedOut:
      return "timed_out";
    case Fate::kCancelled:
      return "cancelled";
    case Fate::kPidsLimit:
      return "pids_limit";
    case Fate::kSignaled:
      return "signaled";
    case Fate::kExited:
      return "exited";
    case Fate::kNotExecuted:
      return "not_executed";
    case Fate::kNotStarted:
      return "not_started";
    case Fate::kInfrastructureFailure:
      return "infrastructure_failure";
  }
  return "?";
}

int ExitCodeOf(const Outcome& outcome) {
  constexpr int kSignalBase = 128;
  switch (outcome.fate) {
    case Fate::kPolicyViolation:
      return 159;
    case Fate::kOutOfMemory:
    case Fate::kAncestorOutOfMemory:
      return 137;
    case Fate::kOutputLimit:
      return 153;
    case Fate::kCpuTimeLimit:
    case Fate::kTimedOut:
      return 124;
    case Fate::kCancelled:
      return 143;
    case Fate::kSignaled:
      return kSignalBase + outcome.signal;
    case Fate::kExited:
      return outcome.exit_code;
    case Fate::kPidsLimit:
      return outcome.signal != 0 ? kSignalBase + outcome.signal : outcome.exit_code;
    case Fate::kNotExecuted:
      return outcome.sys_errno == ENOENT ? 127 : 126;
    case Fate::kNotStarted:
    case Fate::kInfrastructureFailure:
      return 125;
  }
  return 125;
}

}  // namespace fabro::model
