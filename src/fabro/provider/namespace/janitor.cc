#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "fabro/linux/file.h"
#include "fabro/linux/poll.h"
#include "fabro/provider/namespace/marker.h"
#include "fabro/provider/namespace/namespace.h"

namespace fabro::provider {
namespace {

constexpr std::chrono::seconds kKillBound{5};
constexpr std::chrono::minutes kUnknownAge{10};

Error NotOurs(const std::string& directory, const std::string& why) {
  return Failure(Code::kFailedPrecondition, directory + " is not this run's sandbox: " + why,
                 "sandbox_not_ours");
}

// pid 1's end takes the whole pid namespace with it.
Status KillInit(const Marker& marker) {
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, marker.init.pid, 0)));
  if (!pidfd) return {};
  // Only now can the pid not change hands any more.
  const bool alive = TRY(InitIsAlive(marker));
  if (!alive) return {};
  if (::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0) != 0 && errno != ESRCH) {
    return SysFailure("pidfd_send_signal", marker.sandbox_id);
  }
  const short ended =
      TRY(PollOne(pidfd.get(), POLLIN, std::chrono::steady_clock::now() + kKillBound));
  if (ended != 0) return {};
  return Failure(Code::kDeadlineExceeded, "the init of " + marker.sandbox_id + " does not end",
                 "processes_left");
}

// The marker goes last: until then a second try finds everything again.
Status RemoveSandbox(const std::string& directory) {
  const std::string bundle = directory + "/in.bundle";
  TRY(RemoveTree(directory + "/rw"));
  TRY(RemoveTree(bundle));
  TRY(RemoveTree(directory + "/sandbox.json"));
  return RemoveTree(directory);
}

Result<bool> IsOld(const std::string& directory) {
  struct stat info{};
  const std::string path = directory + "/sandbox.json";
  if (::stat(path.c_str(), &info) != 0) return SysFailure("stat", path);
  const auto changed = std::chrono::system_clock::from_time_t(info.st_mtim.tv_sec);
  return std::chrono::system_clock::now() - changed > kUnknownAge;
}

Result<std::string> Sweep(const std::string& directory, const Marker& marker, SandboxFate fate) {
  if (fate == SandboxFate::kLeave) return std::string("left");
  TRY(KillInit(marker));
  if (fate == SandboxFate::kKill) return std::string("killed");
  const bool old = TRY(IsOld(directory));
  if (fate == SandboxFate::kUnknownRun && !old) return std::string("kept: younger than 10 minutes");
  TRY(RemoveSandbox(directory));
  return std::string("removed");
}

}  // namespace

Result<bool> KillNamespaceLeftovers(const std::string& storage, const std::string& run_id) {
  const auto marker = LoadMarker(SandboxDir(storage, run_id));
  if (!marker.ok()) return false;
  const bool alive = TRY(InitIsAlive(*marker));
  TRY(KillInit(*marker));
  return alive;
}

Status DestroyNamespaceSandbox(const std::string& storage, const std::string& run_id) {
  const std::string directory = SandboxDir(storage, run_id);
  if (::access(directory.c_str(), F_OK) != 0) return {};
  const auto marker = LoadMarker(directory);
  if (!marker.ok()) {
    // A crash between the directory and its marker leaves it empty.
    if (::rmdir(directory.c_str()) == 0) return {};
    return NotOurs(directory, marker.error().message);
  }
  if (marker->run_id != run_id) return NotOurs(directory, "it belongs to " + marker->run_id);
  TRY(KillInit(*marker));
  return RemoveSandbox(directory);
}

Result<std::vector<SweepReport>> SweepNamespaceSandboxes(
    const std::string& storage,
    const std::function<SandboxFate(const std::string& run_id)>& decide) {
  std::vector<SweepReport> reports;
  const auto root = OpenDir(storage + "/sandboxes");
  if (!root.ok() && root.error().code == Code::kNotFound) return reports;
  if (!root.ok()) return root.error();
  const std::vector<std::string> names = TRY(ListDir(root->get()));
  for (const std::string& name : names) {
    const std::string directory = storage + "/sandboxes/" + name;
    const auto marker = LoadMarker(directory);
    if (!marker.ok() || marker->sandbox_id != name) continue;
    const auto action = Sweep(directory, *marker, decide(marker->run_id));
    reports.push_back({name, marker->run_id, action.ok() ? *action : action.error().ToString()});
  }
  return reports;
}

}  // namespace fabro::provider
