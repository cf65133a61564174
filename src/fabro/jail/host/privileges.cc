// Who we are, what the ceilings are, and the report as a whole.
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "fabro/jail/host/host_probe.h"
#include "fabro/jail/host/probe_child.h"
#include "fabro/linux/file.h"

namespace fabro::jail {
namespace {

// The kernel asks for the capability in the first user namespace, so having it in ours says
// nothing: lower a hard limit and raise it again.
bool MayRaiseLimits() {
  return TryInChild([](const ProbeReporter& reporter) {
           constexpr rlimit kLow{1, 1};
           constexpr rlimit kHigher{1, 2};
           const bool lowered = ::setrlimit(RLIMIT_CORE, &kLow) == 0;
           reporter.Say(0, lowered ? ::setrlimit(RLIMIT_CORE, &kHigher) : -1);
         }) == 0;
}

std::string Ceiling(rlim_t limit) {
  return limit == RLIM_INFINITY ? "unlimited" : std::to_string(limit);
}

Finding Resource() {
  if (MayRaiseLimits()) {
    return Ok("cap_sys_resource", Need::kOptional, "limits may be raised above the ceilings below");
  }
  return Missing("cap_sys_resource", Need::kOptional,
                 "limits cannot be raised above the ceilings below; lowering works", 0,
                 "none is needed, unless a ceiling below is too low");
}

Finding Files() {
  constexpr rlim_t kDefault = 100;  // model::DefaultLimits().
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  const std::string detail = "--fds up to " + Ceiling(files.rlim_max);
  if (files.rlim_max >= kDefault) return Ok("rlimit_files", Need::kMedium, detail);
  return Missing("rlimit_files", Need::kMedium, detail, 0, "raise it: ulimit -Hn 4096, as root");
}

Finding Stack() {
  constexpr rlim_t kWanted = 8U << 20U;
  rlimit stack{};
  ::getrlimit(RLIMIT_STACK, &stack);
  if (stack.rlim_max >= kWanted) return Ok("rlimit_stack", Need::kOptional, "8 MiB can be given");
  return Missing("rlimit_stack", Need::kOptional, "stacks are at most " + Ceiling(stack.rlim_max),
                 0, "raise it: ulimit -Hs 8192, as root");
}

std::string Identity() {
  if (::geteuid() != 0) return "uid " + std::to_string(::geteuid());
  return MayRaiseLimits() ? "root" : "root without CAP_SYS_RESOURCE";
}

}  // namespace

std::vector<Finding> ProbePrivileges() { return {Resource(), Files(), Stack()}; }

HostReport ProbeHost() {
  HostReport report;
  utsname names{};
  ::uname(&names);
  report.kernel = std::string(names.sysname) + " " + names.release + " " + names.machine;
  report.identity = Identity();
  for (const auto& probe :
       {ProbeNamespaces, ProbeMounts, ProbeCgroups, ProbeFilters, ProbePrivileges, ProbeDevices}) {
    for (Finding& finding : probe()) report.findings.push_back(std::move(finding));
  }
  return report;
}

}  // namespace fabro::jail
