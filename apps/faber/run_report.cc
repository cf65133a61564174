#include "apps/faber/run_report.h"

#include <cerrno>

#include "fabro/jail/plan/syscalls.h"
#include "fabro/linux/seccomp/explain.h"

namespace fabro::faber {
namespace {

using model::Fate;

std::string OfSize(const std::optional<ByteSize>& size) {
  return size ? HumanBytes(*size) : std::string("no limit of ours");
}

std::string OfSpan(const std::optional<Nanos>& span) {
  return span ? ToString(*span) : std::string("no limit of ours");
}

std::string OfMemory(const model::Outcome& outcome, const model::Limits& limits) {
  std::string line = "out of memory: ";
  if (outcome.usage.memory_peak) line += "used " + HumanBytes(*outcome.usage.memory_peak) + ", ";
  return line + "the limit is " + OfSize(limits.memory) +
         " (files in a memory workspace count too); raise it with --memory";
}

std::string OfViolation(const model::Outcome& outcome, const model::RunRequest& request) {
  std::string line = "policy violation: ";
  const model::Violation* shown = nullptr;
  if (outcome.violations.empty()) {
    line += "a forbidden system call";
  } else {
    // The one that killed, else the first.
    shown = &outcome.violations.front();
    for (const model::Violation& violation : outcome.violations) {
      if (violation.killed) {
        shown = &violation;
        break;
      }
    }
    line += (shown->call.empty() ? shown->syscall : shown->call) + " by " + shown->comm + " (pid " +
            std::to_string(shown->pid) + ")";
    const std::uint64_t more = outcome.violations.size() - 1 + outcome.violations_dropped;
    if (more > 0) line += " and " + std::to_string(more) + " more";
  }
  line += "; level " + std::string(model::ToString(request.sandbox.level)) + " forbids it";
  if (shown == nullptr) return line;
  const auto options = jail::plan::FilterOf(request.sandbox, false);
  return line + "; what allows it: " + seccomp::ExplainRefusal(options, shown->syscall).setting +
         "; --explain says why";
}

std::string OfNotExecuted(const model::Outcome& outcome, const model::RunRequest& request) {
  const std::string& name = request.exec.argv.front();
  if (outcome.no_work_dir) {
    return "--cwd " + request.exec.cwd.value() +
           ": no directory that the command may enter inside the " + "sandbox (" +
           ErrnoName(outcome.sys_errno) + "); --bind or --workspace makes one";
  }
  if (outcome.sys_errno != ENOENT) {
    return name + ": cannot be executed inside the sandbox (" + ErrnoName(outcome.sys_errno) + ")";
  }
  if (name.find('/') != std::string::npos) {
    return name + ": not found inside the sandbox; --bind or --rootfs shows files of this machine";
  }
  if (request.sandbox.root.kind != model::RootSource::Kind::kHostDirs) {
    return name + ": command not found inside the sandbox, whose root is " +
           model::ToString(request.sandbox.root) +
           "; --rootfs names a root that has it, --env PATH=... says where to look";
  }
  return name + ": command not found inside the sandbox; --env PATH=... says where to look";
}

std::string OfDenial(const model::NetworkDenial& denial) {
  using model::DenyReason;
  std::string line = "network: " + denial.name;
  if (denial.port != 0) line += " port " + std::to_string(denial.port);
  switch (denial.reason) {
    case DenyReason::kNameNotAllowed:
    case DenyReason::kAddressNotAllowed:
      return line + " is not allowed; --allow-host allows a host";
    case DenyReason::kAddressDenied:
      return line +
             " is a private or special address; --allow-private-host allows a name to have "
             "private ones, --allow-host an address";
    case DenyReason::kSniMismatch:
      return line + " was refused: the TLS client did not ask for that name";
    case DenyReason::kHostMismatch:
      return line + " was refused: the HTTP request was not for that name";
    case DenyReason::kConnectionLimit:
      return line + " was refused: too many connections; --network-connections raises it";
    case DenyReason::kByteLimit:
      return line + " was cut: --network-bytes are used up";
    case DenyReason::kNameLimit:
      return line + " was refused: " + std::to_string(model::kMaxSyntheticNames) +
             " names were asked for";
    case DenyReason::kUnresolved:
      return line + " could not be resolved by this machine's name servers";
    case DenyReason::kUnreachable:
      return line + " could not be connected to";
  }
  return line;
}

}  // namespace

std::vector<std::string> ExplainNetwork(const model::NetworkUsage& usage) {
  constexpr std::size_t kShown = 5;
  std::vector<std::string> lines;
  if (usage.unavailable) {
    lines.emplace_back("network: faber-egressd ended early, so nothing could be reached any more");
  }
  for (const model::NetworkDenial& denial : usage.denied) {
    if (lines.size() == kShown) {
      const std::uint64_t more = usage.denied.size() + usage.denied_dropped - kShown;
      lines.push_back("network: and " + std::to_string(more) + " more; --json lists them");
      break;
    }
    lines.push_back(OfDenial(denial));
  }
  return lines;
}

std::optional<std::string> Explain(const model::Outcome& outcome,
                                   const model::RunRequest& request) {
  const model::Limits& limits = request.exec.limits;
  switch (outcome.fate) {
    case Fate::kPolicyViolation:
      return OfViolation(outcome, request);
    case Fate::kOutOfMemory:
      return OfMemory(outcome, limits);
    case Fate::kAncestorOutOfMemory:
      return "out of memory: a control group above the sandbox is full; no option of faber raises "
             "it";
    case Fate::kOutputLimit:
      return "output limit: more than " + OfSize(limits.output) +
             " on one stream; raise it with --output";
    case Fate::kCpuTimeLimit:
      return "CPU time limit: used " + HumanDuration(outcome.usage.cpu_time) + ", the limit is " +
             OfSpan(limits.cpu_time) + "; raise it with --cpu-time";
    case Fate::kTimedOut:
      return "wall time limit: ran " + HumanDuration(outcome.usage.wall_time) + ", the limit is " +
             OfSpan(limits.wall_time) + "; raise it with --wall-time";
    case Fate::kPidsLimit:
      return "process limit: " +
             std::to_string(outcome.usage.pids_peak.value_or(limits.pids.value_or(0))) +
             " processes and threads at once, the limit is " +
             std::to_string(limits.pids.value_or(0)) + "; raise it with --pids";
    case Fate::kCancelled:
      return "cancelled after " + HumanDuration(outcome.usage.wall_time);
    case Fate::kNotExecuted:
      return OfNotExecuted(outcome, request);
    case Fate::kNotStarted:
    case Fate::kInfrastructureFailure:
      return outcome.message.empty() ? "the sandbox failed" : outcome.message;
    case Fate::kSignaled:
    case Fate::kExited:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace fabro::faber
