// The control groups: which shape the machine has, and for each controller whether a group can be
// made below our own, which is where the engine makes them.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "fabro/jail/host/host_probe.h"
#include "fabro/linux/cgroup/hierarchy.h"
#include "fabro/linux/file.h"

namespace fabro::jail {
namespace {

using cgroup::Controller;
using cgroup::Mode;
using cgroup::Place;

constexpr std::array kControllers = {Controller::kMemory, Controller::kPids, Controller::kCpu,
                                     Controller::kCpuacct, Controller::kFreezer};

std::string_view Word(Mode mode) {
  switch (mode) {
    case Mode::kV1:
      return "v1";
    case Mode::kV2:
      return "v2";
    case Mode::kHybrid:
      return "hybrid: controllers in v1, killing and emptiness by v2";
  }
  return "?";
}

std::string OwnGroup(const Place& place) {
  return place.own_path.empty() ? place.mount_point : place.mount_point + "/" + place.own_path;
}

struct Attempt {
  int sys_errno = 0;
  bool has_kill = false;  // cgroup.kill, in the v2 tree.
};

Attempt MakeAndRemoveGroup(const Place& place) {
  const std::string path = OwnGroup(place) + "/faber-check-" + std::to_string(::getpid());
  if (::mkdir(path.c_str(), 0755) != 0) return {errno, false};
  const bool has_kill = ::access((path + "/cgroup.kill").c_str(), W_OK) == 0;
  return {::rmdir(path.c_str()) == 0 ? 0 : errno, has_kill};
}

// Why a directory of cgroupfs could not be made, in one action.
std::string Fix(Mode mode, int sys_errno) {
  if (sys_errno == EROFS) return "mount /sys/fs/cgroup writable for faber";
  if (sys_errno == EAGAIN || sys_errno == ENOSPC) {
    return "raise cgroup.max.descendants and cgroup.max.depth of the groups above";
  }
  if (mode == Mode::kV2 && ::geteuid() != 0)
    return "systemd-run --user --scope -p Delegate=yes faber ...";
  return "run as root, or have the group that faber runs in delegated to this user";
}

Finding OfController(Controller controller, const Place& place, Mode mode, const Attempt& attempt) {
  std::string layer = "cgroup." + std::string(cgroup::ControllerName(controller));
  if (attempt.sys_errno == 0) {
    return Ok(std::move(layer), Need::kMedium, "made and removed a group in " + OwnGroup(place));
  }
  return Missing(std::move(layer), Need::kMedium, "no group can be made in " + OwnGroup(place),
                 attempt.sys_errno, Fix(mode, attempt.sys_errno));
}

// Without it groups are frozen and killed one by one, which the engine does too.
Finding OfKill(const cgroup::Hierarchy& hierarchy, bool made, bool has_kill) {
  if (!made) {
    return Missing("cgroup.kill", Need::kOptional, "not reached: no group can be made", 0,
                   "mend what is missing above");
  }
  if (has_kill) return Ok("cgroup.kill", Need::kOptional, "a group is killed in one step");
  const bool v2 = hierarchy.mode != Mode::kV1;
  return Missing("cgroup.kill", Need::kOptional,
                 "groups are killed by freezing them, which is slower", 0,
                 v2 ? "use Linux 5.14 or newer" : "mount the v2 tree too: /sys/fs/cgroup/unified");
}

}  // namespace

std::vector<Finding> ProbeCgroups() {
  const auto hierarchy = cgroup::Detect();
  if (!hierarchy.ok()) {
    const Error& error = hierarchy.error();
    return {Missing("cgroup", Need::kMedium, error.message, error.sys_errno, error.fix)};
  }
  std::vector<Finding> findings;
  findings.push_back(Ok("cgroup", Need::kMedium, std::string(Word(hierarchy->mode))));
  bool has_kill = false;
  bool made = false;
  for (const Place& place : hierarchy->places) {
    const Attempt attempt = MakeAndRemoveGroup(place);
    has_kill = has_kill || attempt.has_kill;
    made = made || attempt.sys_errno == 0;
    for (const Controller controller : kControllers) {
      if (!place.controllers.Has(controller)) continue;
      findings.push_back(OfController(controller, place, hierarchy->mode, attempt));
    }
    if (place.controllers.empty() && attempt.sys_errno != 0) {
      findings.push_back(Missing("cgroup.unified", Need::kMedium,
                                 "no group can be made in " + OwnGroup(place), attempt.sys_errno,
                                 Fix(hierarchy->mode, attempt.sys_errno)));
    }
  }
  findings.push_back(OfKill(*hierarchy, made, has_kill));
  return findings;
}

}  // namespace fabro::jail
