#include "fabro/linux/process.h"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>

namespace fabro {
namespace {

ExitStatus FromSiginfo(const siginfo_t& info) {
  const bool exited = info.si_code == CLD_EXITED;
  return {exited ? ExitStatus::Kind::kExited : ExitStatus::Kind::kSignaled, info.si_status};
}

}  // namespace

Result<Process> Process::Adopt(pid_t pid) {
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) return SysFailure("pidfd_open", std::to_string(pid));
  return Process(pid, UniqueFd(fd));
}

Process::~Process() {
  if (pid_ < 0) return;
  // Nobody is left to tell: a child that is already gone makes both calls fail, harmlessly.
  (void)Kill(SIGKILL);
  (void)Wait();
}

Status Process::Kill(int signal) {
  // By pidfd, not by pid: the pid may already belong to a stranger.
  if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0) != 0) {
    return SysFailure("pidfd_send_signal");
  }
  return {};
}

Result<ExitStatus> Process::Wait() {
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED) != 0) {
    if (errno != EINTR) return SysFailure("waitid");
  }
  pid_ = -1;
  return FromSiginfo(info);
}

}  // namespace fabro
