// Who we are, what the ceilings are, and the report as a whole.
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>

#include "fabro/jail/host/host_probe.h"
#include "fabro/linux/file.h"

namespace fabro::jail {
namespace {

bool HasCapability(unsigned capability) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return false;
  return (data[capability / 32].effective >> (capability % 32) & 1U) != 0;
}

std::string Ceiling(rlim_t limit) {
  return limit == RLIM_INFINITY ? "unlimited" : std::to_string(limit);
}

Finding Resource() {
  if (HasCapability(CAP_SYS_RESOURCE)) {
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
  return HasCapability(CAP_SYS_RESOURCE) ? "root" : "root without CAP_SYS_RESOURCE";
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
       {ProbeNamespaces, ProbeMounts, ProbeCgroups, ProbeFilters, ProbePrivileges}) {
    for (Finding& finding : probe()) report.findings.push_back(std::move(finding));
  }
  return report;
}

}  // namespace fabro::jail
