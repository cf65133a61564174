#include "fabro/linux/cgroup/own_group.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <utility>
#include <vector>

#include "fabro/linux/file.h"

namespace fabro::cgroup {
namespace {

constexpr char kService[] = "service";
constexpr char kProcs[] = "cgroup.procs";

struct Program {
  dev_t device = 0;
  ino_t inode = 0;
  friend bool operator==(const Program&, const Program&) = default;
};

// Nothing of a process that ended, or of a kernel thread.
std::vector<Program> ProgramOf(pid_t pid) {
  struct stat status{};
  const std::string path = "/proc/" + std::to_string(pid) + "/exe";
  if (::stat(path.c_str(), &status) != 0) return {};
  return {Program{status.st_dev, status.st_ino}};
}

// Whether it runs a program that we may not look at: another user's, so not one of ours.
bool IsHidden(pid_t pid) {
  struct stat status{};
  const std::string path = "/proc/" + std::to_string(pid) + "/exe";
  return ::stat(path.c_str(), &status) != 0 && (errno == EACCES || errno == EPERM);
}

// 0 where there is none in our pid namespace.
pid_t ParentOf(pid_t pid) {
  const auto stat = ReadFile("/proc/" + std::to_string(pid) + "/stat");
  if (!stat) return 0;
  // "PID (NAME) STATE PARENT …"; the name may hold anything, so the last ")" ends it.
  const std::size_t name_end = stat->rfind(')');
  if (name_end == std::string::npos || name_end + 4 > stat->size()) return 0;
  pid_t parent = 0;
  std::from_chars(stat->data() + name_end + 4, stat->data() + stat->size(), parent);
  return parent;
}

// Runs one of the programs, or comes from a process that does.
bool IsOurs(pid_t pid, const std::vector<Program>& programs) {
  constexpr int kMostAncestors = 64;
  for (int i = 0; pid > 0 && i < kMostAncestors; pid = ParentOf(pid), ++i) {
    for (const Program& program : ProgramOf(pid)) {
      if (std::find(programs.begin(), programs.end(), program) != programs.end()) return true;
    }
  }
  return false;
}

// 0 for one that is outside of our pid namespace.
Result<std::vector<pid_t>> Processes(int group) {
  const std::string text = TRY(ReadFileAt(group, kProcs));
  std::vector<pid_t> pids;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (pid_t pid = 0; at < end; ++at) {
    const auto step = std::from_chars(at, end, pid);
    if (step.ec != std::errc()) break;
    pids.push_back(pid);
    at = step.ptr;
  }
  return pids;
}

Error SharedWith(std::string_view who) {
  Error error = SysFailureOf(EBUSY, "our control group is shared with", who);
  error.fix = kScopeFix;
  return error;
}

}  // namespace

std::string TopName(uid_t uid) { return "faber-" + std::to_string(uid); }

Result<Group> OpenOwn(const Hierarchy& hierarchy, uid_t uid) {
  std::vector<Member> members;
  for (const Place& place : hierarchy.places) {
    std::string own = place.own_path;
    const std::string service = TopName(uid) + "/" + kService;
    if (own == service) own.clear();
    if (own.ends_with("/" + service)) own.resize(own.size() - service.size() - 1);
    DirFd dir = TRY(OpenDir(place.mount_point + "/" + own));
    members.push_back(Member{std::move(dir), place.version, place.controllers});
  }
  return Group("", std::move(members));
}

Status EnableOwn(const Group& own, uid_t uid, std::span<const pid_t> kin) {
  Status enabled = own.EnableForChildren();
  if (enabled || enabled.error().sys_errno != EBUSY) return enabled;
  const pid_t self = ::getpid();
  std::vector<Program> programs;
  for (const pid_t pid : kin) {
    for (const Program& program : ProgramOf(pid)) programs.push_back(program);
  }
  if (!kin.empty()) {
    for (const Program& program : ProgramOf(self)) programs.push_back(program);
  }
  const int group = own.unified()->dir.get();
  // A few rounds, since others of ours may be starting processes meanwhile.
  for (int round = 0; round < 4; ++round) {
    const std::vector<pid_t> pids = TRY(Processes(group));
    for (const pid_t pid : pids) {
      const bool runs = pid == 0 || IsHidden(pid) || !ProgramOf(pid).empty();
      if (pid != self && runs && !IsOurs(pid, programs)) {
        return SharedWith("process " + std::to_string(pid));
      }
    }
    const DirFd service = TRY(MakeDirsAt(group, TopName(uid) + "/" + kService));
    for (const pid_t pid : pids) {
      const Status moved = WriteControlAt(service.get(), kProcs, std::to_string(pid));
      if (!moved && moved.error().sys_errno != ESRCH) return moved;
    }
    enabled = own.EnableForChildren();
    if (enabled || enabled.error().sys_errno != EBUSY) return enabled;
  }
  return SharedWith("processes that are started all the time");
}

}  // namespace fabro::cgroup
