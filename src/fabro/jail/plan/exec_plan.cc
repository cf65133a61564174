// What is done for one command of a Jail.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>

#include "fabro/jail/child/wire.h"
#include "fabro/jail/plan/check.h"
#include "fabro/jail/plan/paths.h"
#include "fabro/jail/plan/plan.h"

namespace fabro::jail::plan {
namespace {

// Lowers to the inherited hard limit: inside a user namespace nobody can raise it again.
RlimitPlan Clamped(const HostFacts& facts, std::uint32_t resource, std::uint64_t value) {
  for (const InheritedLimit& limit : facts.limits) {
    if (limit.resource == resource) value = std::min(value, limit.hard);
  }
  return {.resource = resource, .soft = value, .hard = value};
}

template <typename T>
void ClampTo(std::optional<T>& limit, const std::optional<T>& most) {
  if (most && (!limit || *limit > *most)) limit = most;
}

std::vector<RlimitPlan> PlanRlimits(const model::Limits& limits, const JailPlan& jail,
                                    const HostFacts& facts) {
  constexpr std::uint64_t kCoreNever = 1;     // 0 would still feed a core_pattern that is a pipe.
  constexpr std::uint64_t kNprocMargin = 64;  // The group's pids limit must be met first.
  std::vector<RlimitPlan> plan;
  const auto set = [&](std::uint32_t resource, std::uint64_t value) {
    plan.push_back(Clamped(facts, resource, value));
  };
  set(RLIMIT_CORE, kCoreNever);
  set(RLIMIT_STACK, 8U << 20U);
  set(RLIMIT_MEMLOCK, 64U << 10U);
  set(RLIMIT_MSGQUEUE, 819'200);
  set(RLIMIT_SIGPENDING, 256);
  set(RLIMIT_NICE, 0);
  set(RLIMIT_RTPRIO, 0);
  set(RLIMIT_RTTIME, 0);
  if (jail.spec.workspace.size) {
    set(RLIMIT_FSIZE, jail.spec.workspace.size->bytes() + (1U << 20U));  // ENOSPC comes first.
  }
  if (limits.open_files) set(RLIMIT_NOFILE, *limits.open_files);
  if (jail.spec.limits.pids) set(RLIMIT_NPROC, *jail.spec.limits.pids + kNprocMargin);
  if (limits.cpu_time) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*limits.cpu_time).count();
    set(RLIMIT_CPU, static_cast<std::uint64_t>(seconds) + 1);
  }
  return plan;
}

// Programs write to TMPDIR and HOME without asking: what is read-only is replaced by the workspace.
void PointToWritable(std::vector<std::string>& env, const JailPlan& jail) {
  if (!jail.spec.allowed_paths) return;
  const std::string& workspace = jail.spec.workspace.target.value();
  bool has_tmpdir = false;
  for (std::string& entry : env) {
    has_tmpdir = has_tmpdir || entry.starts_with("TMPDIR=");
    if (entry == "HOME=" + jail.spec.home.value() &&
        !IsWritable(jail.places, jail.spec.home.value())) {
      entry = "HOME=" + workspace;
    }
  }
  if (!has_tmpdir && !IsWritable(jail.places, "/tmp")) env.push_back("TMPDIR=" + workspace);
}

}  // namespace

Result<ExecPlan> PlanExec(const model::ExecSpec& spec, const JailPlan& jail,
                          const HostFacts& facts) {
  TRY(CheckExec(spec));
  if (spec.tty && !jail.spec.tty) {
    return Invalid("tty", "--tty", "was not asked for when the sandbox was made");
  }
  ExecPlan plan;
  plan.spec = spec;
  if (plan.spec.cwd.value().empty()) plan.spec.cwd = jail.spec.workspace.target;
  model::Limits& limits = plan.spec.limits;
  ClampTo(limits.memory, jail.spec.limits.memory);
  ClampTo(limits.pids, jail.spec.limits.pids);
  ClampTo(limits.cpu_millis, jail.spec.limits.cpu_millis);
  ClampTo(limits.cpu_time, jail.spec.limits.cpu_time);
  ClampTo(limits.wall_time, jail.spec.limits.wall_time);
  ClampTo(limits.open_files, jail.spec.limits.open_files);
  ClampTo(limits.output, jail.spec.limits.output);
  plan.path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  for (const std::string& entry : spec.env) {
    if (entry.starts_with("PATH=")) plan.path = entry.substr(5);
  }
  PointToWritable(plan.spec.env, jail);
  if (plan.path.size() >= wire::kPathMax) {
    return Invalid("env", "--env",
                   "PATH has more than " + std::to_string(wire::kPathMax - 1) + " bytes",
                   "shorten PATH, or give argv[0] as an absolute path");
  }
  plan.rlimits = PlanRlimits(limits, jail, facts);
  return plan;
}

}  // namespace fabro::jail::plan
