// seccomp with its listener, no_new_privs, and what Landlock the kernel has.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "fabro/jail/host/host_probe.h"
#include "fabro/jail/host/probe_child.h"
#include "fabro/linux/seccomp/load.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif

namespace fabro::jail {
namespace {

enum What { kNoNewPrivs, kFilter, kListener };
constexpr long kLandlockVersion = 1;  // LANDLOCK_CREATE_RULESET_VERSION.

constexpr sock_filter kAllow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};

// seccomp/load.h gives -errno.
void SayLoaded(const ProbeReporter& reporter, int what, int result) {
  errno = result < 0 ? -result : 0;
  reporter.Say(what, result);
}

Finding Of(std::string layer, int sys_errno, std::string seen, std::string failed,
           std::string fix) {
  if (sys_errno == 0) return Ok(std::move(layer), Need::kMedium, std::move(seen));
  return Missing(std::move(layer), Need::kMedium, std::move(failed), sys_errno, std::move(fix));
}

// A filter around us that has a listener allows no second one in the same tree: EBUSY.
std::string ListenerFix(int sys_errno) {
  return sys_errno == EBUSY
             ? "a sandbox around us holds the one listener that a process may have: run outside it"
             : "use Linux 5.5 or newer";
}

// ABI 1 denies every rename across directories, so level high wants 2 (isolation.md 11).
Finding Landlock() {
  constexpr long kLeast = 2;
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, kLandlockVersion);
  if (version >= kLeast) {
    return Ok("landlock", Need::kHigh, "the kernel has ABI " + std::to_string(version));
  }
  const int error = version < 0 ? errno : 0;
  return Missing(
      "landlock", Need::kHigh,
      version > 0 ? "the kernel has ABI 1; level high wants 2" : "the kernel gives none", error,
      error == EOPNOTSUPP ? "boot with landlock in the lsm= list, or accept it: --degrade landlock"
      : error == EPERM ? "a seccomp filter around us (a container's?) forbids it: allow landlock_* "
                         "there, or accept it: --degrade landlock"
                       : "use Linux 5.19 or newer with CONFIG_SECURITY_LANDLOCK=y and no seccomp "
                         "filter around that hides it, or accept it: --degrade landlock");
}

}  // namespace

std::vector<Finding> ProbeFilters() {
  int errors[3] = {ECHILD, ECHILD, ECHILD};
  auto child = ProbeChild::Start([](const ProbeReporter& reporter) {
    reporter.Say(kNoNewPrivs, ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    SayLoaded(reporter, kFilter, seccomp::LoadFilter(kAllow, 1));
    SayLoaded(reporter, kListener, seccomp::LoadFilterWithListener(kAllow, 1));
  });
  if (child.ok()) {
    for (const Tried& one : child->Rest()) {
      if (one.what >= 0 && one.what < 3) errors[one.what] = one.sys_errno;
    }
  }
  std::vector<Finding> findings;
  findings.push_back(Of("no_new_privs", errors[kNoNewPrivs], "set in a child", "prctl failed",
                        "use Linux 3.5 or newer"));
  findings.push_back(Of("seccomp_filter", errors[kFilter], "loaded one", "seccomp failed",
                        "use a kernel with CONFIG_SECCOMP_FILTER=y"));
  findings.push_back(Of("seccomp_listener", errors[kListener], "loaded one with a listener",
                        "a filter with a listener cannot be loaded",
                        ListenerFix(errors[kListener])));
  findings.push_back(Landlock());
  return findings;
}

}  // namespace fabro::jail
