#include "fabro/jail/start_jailer.h"

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "fabro/linux/unique_fd.h"

namespace fabro::jail {
namespace {

std::string BesideThisProgram() {
  std::string path(PATH_MAX, '\0');
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
  path.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash) + "/faber-jailer";
}

struct SpawnActions {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  SpawnActions() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
  }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  ~SpawnActions() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
};

}  // namespace

Result<std::string> FindJailer(const std::string& wanted) {
  if (!wanted.empty()) return wanted;
  const std::string beside = BesideThisProgram();
  if (!beside.empty() && ::access(beside.c_str(), X_OK) == 0) return beside;
  const char* path = std::getenv("PATH");
  const std::string_view dirs = path == nullptr ? "" : path;
  for (std::size_t begin = 0; begin < dirs.size();) {
    const std::size_t end = std::min(dirs.find(':', begin), dirs.size());
    const std::string candidate = std::string(dirs.substr(begin, end - begin)) + "/faber-jailer";
    if (candidate.front() == '/' && ::access(candidate.c_str(), X_OK) == 0) return candidate;
    begin = end + 1;
  }
  return Failure(Code::kUnavailable, "faber-jailer is neither beside this program nor in PATH",
                 "jailer_unreachable", "install it beside this program");
}

Result<pid_t> StartJailer(const std::string& program, int connection) {
  constexpr int kConnectionFd = 3;
  constexpr int kAbove = 10;
  // dup2 onto itself would keep close-on-exec.
  const UniqueFd high(::fcntl(connection, F_DUPFD_CLOEXEC, kAbove));
  if (!high) return SysFailure("F_DUPFD_CLOEXEC");
  SpawnActions spawn;
  ::posix_spawn_file_actions_adddup2(&spawn.actions, high.get(), kConnectionFd);
  for (int fd = 0; fd <= 1; ++fd) {
    ::posix_spawn_file_actions_addopen(&spawn.actions, fd, "/dev/null", O_RDWR, 0);
  }
  ::posix_spawn_file_actions_addclosefrom_np(&spawn.actions, kConnectionFd + 1);
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&spawn.attributes, &none);
  ::posix_spawnattr_setsigdefault(&spawn.attributes, &all);
  ::posix_spawnattr_setflags(&spawn.attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::string name = "faber-jailer";
  char* argv[] = {name.data(), nullptr};
  char* env[] = {nullptr};
  pid_t pid = -1;
  const int error =
      ::posix_spawn(&pid, program.c_str(), &spawn.actions, &spawn.attributes, argv, env);
  if (error != 0) {
    Error failure = SysFailureOf(error, "starting", program);
    failure.reason = "jailer_unreachable";
    return failure;
  }
  return pid;
}

}  // namespace fabro::jail
