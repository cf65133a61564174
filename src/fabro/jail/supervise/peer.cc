#include "fabro/jail/supervise/peer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <sstream>
#include <string>
#include <utility>

#include "fabro/linux/file.h"
#include "fabro/linux/poll.h"
#include "fabro/linux/socket.h"

namespace fabro::jail::supervise {
namespace {

Error Refused(std::string what) {
  return Failure(Code::kPermissionDenied, std::move(what), "jailer_refused",
                 "start a jailer of your own (faber does so by itself)");
}

constexpr std::array kNamespaces = {"cgroup", "mnt", "net", "user"};

// Which ones `process` ("self" or a pid) is in, in the order of kNamespaces.
Result<std::array<std::pair<dev_t, ino_t>, kNamespaces.size()>> NamespacesOf(
    const std::string& process) {
  const std::string path = "/proc/" + process + "/ns";
  const UniqueFd directory = TRY(Open(path, O_PATH | O_DIRECTORY));
  std::array<std::pair<dev_t, ino_t>, kNamespaces.size()> found;
  for (std::size_t i = 0; i < kNamespaces.size(); ++i) {
    struct stat status{};
    if (::fstatat(directory.get(), kNamespaces[i], &status, 0) != 0) {
      return SysFailure("stat", path + "/" + kNamespaces[i]);
    }
    found[i] = {status.st_dev, status.st_ino};
  }
  return found;
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
  // Ours never change: a setns of the jailer's is over before it takes the next caller.
  static const auto own = NamespacesOf("self");
  const auto theirs_in = NamespacesOf(std::to_string(peer.pid));
  for (std::size_t i = 0; i < kNamespaces.size(); ++i) {
    if (!own || !theirs_in || (*own)[i] != (*theirs_in)[i]) {
      return Refused(std::string("the caller is in another ") + kNamespaces[i] + " namespace");
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
