#include "fabro/jail/supervise/classify.h"

#include <array>
#include <cerrno>

#include "fabro/base/error.h"

namespace fabro::jail::supervise {
namespace {

using model::Fate;
using wire::Step;

constexpr std::array kStepNames = {
    "start", "lifeline", "unshare the user namespace", "become the set-up id",
    "forbid user namespaces", "make mounts private", "build the root", "pivot_root",
    "make the sealed network namespace", "drop the bounding set", "set no_new_privs",
    // init
    "clone init", "set the host name", "bring loopback up", "open the ways out",
    "make the time namespace", "mount the workspace", "mount tmpfs", "mount /proc", "mount devpts",
    "mount /sys", "seal the root",
    // payload
    "fork", "enter the control group", "make the cgroup namespace", "open the terminal",
    "set resource limits", "set up standard streams", "close descriptors",
    "enter the working directory", "take the task's identity", "drop capabilities",
    "install Landlock", "install the seccomp filter", "send the seccomp listener", "execute"};
static_assert(kStepNames.size() == static_cast<std::size_t>(Step::kExecve) + 1);

// The command's own fault, known only at run time.
bool IsCommandsFault(const wire::Failed& failed) {
  const auto step = static_cast<Step>(failed.step);
  return step == Step::kExecve || step == Step::kWorkdir;
}

Fate FateOfFailure(const ExecFacts& facts) {
  // execve or fork that fails for want of memory is the limit's doing (isolation.md 5.3).
  if (facts.failed->sys_errno == ENOMEM && facts.oom != cgroup::OomSource::kAncestor) {
    return Fate::kOutOfMemory;
  }
  return IsCommandsFault(*facts.failed) ? Fate::kNotExecuted : Fate::kInfrastructureFailure;
}

bool Failed(const ExecFacts& facts) { return facts.leader_signaled || facts.leader_status != 0; }

Fate FateOf(const ExecFacts& facts) {
  if (facts.killed_for_violation || (facts.leader_signaled && facts.leader_status == SIGSYS)) {
    return Fate::kPolicyViolation;
  }
  if (facts.oom == cgroup::OomSource::kOwn) return Fate::kOutOfMemory;
  if (facts.oom == cgroup::OomSource::kAncestor) return Fate::kAncestorOutOfMemory;
  if (facts.output_limit) return Fate::kOutputLimit;
  if (facts.cpu_time_limit) return Fate::kCpuTimeLimit;
  if (facts.wall_time_limit) return Fate::kTimedOut;
  if (facts.cancelled) return Fate::kCancelled;
  if (facts.failed) return FateOfFailure(facts);
  if (!facts.leader_ended) return Fate::kInfrastructureFailure;
  if (facts.pids_limit_hits > 0 && Failed(facts)) return Fate::kPidsLimit;
  return facts.leader_signaled ? Fate::kSignaled : Fate::kExited;
}

}  // namespace

std::string DescribeFailure(const wire::Failed& failed) {
  std::string text = failed.step < kStepNames.size() ? kStepNames[failed.step] : "unknown step";
  // The object came over a socket: it ends inside its array or at its end.
  std::size_t length = 0;
  while (length < sizeof(failed.object) && failed.object[length] != '\0') ++length;
  if (length > 0) text += ' ' + std::string(failed.object, length);
  if (failed.sys_errno != 0) text += ": " + ErrnoName(failed.sys_errno);
  return text;
}

void Classify(const ExecFacts& facts, model::Outcome& outcome) {
  outcome.fate = facts.infrastructure ? Fate::kInfrastructureFailure : FateOf(facts);
  outcome.pids_limit_hit = facts.pids_limit_hits > 0;
  if (facts.leader_ended && !facts.failed) {
    (facts.leader_signaled ? outcome.signal : outcome.exit_code) = facts.leader_status;
  }
  if (facts.infrastructure) {
    outcome.message = *facts.infrastructure;
  } else if (facts.failed) {
    outcome.message = DescribeFailure(*facts.failed);
    outcome.sys_errno = facts.failed->sys_errno;
    outcome.no_work_dir = facts.failed->step == static_cast<int>(Step::kWorkdir);
  } else if (outcome.fate == Fate::kInfrastructureFailure) {
    outcome.message = "the command's end was not observed";
  }
}

}  // namespace fabro::jail::supervise
