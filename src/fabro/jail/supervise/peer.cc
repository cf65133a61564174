#include "fabro/jail/supervise/peer.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <sstream>
#include <string>

#include "fabro/linux/file.h"
#include "fabro/linux/poll.h"
#include "fabro/linux/socket.h"

namespace fabro::jail::supervise {
namespace {

Error Refused(std::string what) {
  return Failure(Code::kPermissionDenied, std::move(what), "jailer_refused",
                 "start a jailer of your own (faber does so by itself)");
}

Result<bool> SameNamespace(pid_t pid, const char* name) {
  struct stat theirs{};
  struct stat ours{};
  const std::string path = "/proc/" + std::to_string(pid) + "/ns/" + name;
  const std::string own = std::string("/proc/self/ns/") + name;
  if (::stat(path.c_str(), &theirs) != 0) return SysFailure("stat", path);
  if (::stat(own.c_str(), &ours) != 0) return SysFailure("stat", own);
  return theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

// The control groups of a process, one tree a line. A jailer moves itself (and its callers, where
// the kernel wants that) into `faber-UID/service` below the group that it was started in: that is
// the same place.
Result<std::string> GroupsOf(const std::string& pid) {
  const std::string service = "/faber-" + std::to_string(::geteuid()) + "/service";
  const std::string text = TRY(ReadFile("/proc/" + pid + "/cgroup"));
  std::istringstream lines(text);
  std::string groups;
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with(service)) line.resize(line.size() - service.size());
    if (line.ends_with(':')) line += '/';
    groups += line + '\n';
  }
  return groups;
}

}  // namespace

Status CheckPeer(int connection) {
  const PeerIdentity peer = TRY(PeerCredentials(connection));
  if (peer.uid != ::geteuid()) return Refused("the caller is another user");
  const Result<UniqueFd> pidfd = PeerPidfd(connection);
  if (!pidfd) return Refused("this kernel cannot say who the caller is (Linux 6.5)");
  for (const char* name : {"cgroup", "mnt", "net", "user"}) {
    const Result<bool> same = SameNamespace(peer.pid, name);
    if (!same || !*same) {
      return Refused(std::string("the caller is in another ") + name + " namespace");
    }
  }
  const std::string ours = TRY(GroupsOf("self"));
  const Result<std::string> theirs = GroupsOf(std::to_string(peer.pid));
  if (!theirs || *theirs != ours) return Refused("the caller is in another control group");
  // Alive now, so the pid was the caller's all the time that we looked.
  const short ended = TRY(PollOne(pidfd->get(), POLLIN, std::chrono::steady_clock::now()));
  if (ended != 0) return Refused("the caller has ended");
  return {};
}

}  // namespace fabro::jail::supervise
