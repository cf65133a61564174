// Tries what a sandbox needs, each in a child that is gone before the function returns: no process,
// mount, namespace, cgroup or file stays. Takes some tens of milliseconds; blocks at most 5 s a
// probe.
//
// Never fails as a whole: a probe that could not be made is a finding with its errno.
#pragma once

#include <vector>

#include "fabro/jail/host/host_report.h"

namespace fabro::jail {

HostReport ProbeHost();

// The parts, for tests and for who needs one of them.
std::vector<Finding> ProbeNamespaces();  // User namespace, id maps, the other seven, procfs.
std::vector<Finding> ProbeMounts();      // The mount API and id-mapped mounts.
std::vector<Finding> ProbeCgroups();
std::vector<Finding> ProbeFilters();     // seccomp, its listener, no_new_privs, Landlock.
std::vector<Finding> ProbeDevices();     // What a VPN beside a sandbox wants.
std::vector<Finding> ProbePrivileges();  // Capabilities and ceilings of rlimits.

}  // namespace fabro::jail
