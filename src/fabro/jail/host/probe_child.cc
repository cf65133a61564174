#include "fabro/jail/host/probe_child.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "fabro/linux/poll.h"

namespace fabro::jail {
namespace {

constexpr std::chrono::seconds kPatience{5};

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Result<Pipe> MakePipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return SysFailure("pipe2");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace

void ProbeReporter::Say(int what, long result) const {
  const Tried tried{what, result < 0 ? errno : 0};
  // A parent that is gone needs no answer.
  (void)!::write(out_, &tried, sizeof tried);
}

bool ProbeReporter::AwaitParent() const {
  char byte = 0;
  return ::read(in_, &byte, 1) == 1;
}

Result<ProbeChild> ProbeChild::Start(const std::function<void(const ProbeReporter&)>& body) {
  Pipe up = TRY(MakePipe());
  Pipe down = TRY(MakePipe());
  const pid_t pid = ::fork();
  if (pid < 0) return SysFailure("fork");
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    up.read.reset();
    down.write.reset();
    body(ProbeReporter(up.write.get(), down.read.get()));
    ::_exit(0);
  }
  Process process = TRY(Process::Adopt(pid));
  return ProbeChild(std::move(process), std::move(up.read), std::move(down.write));
}

Result<Tried> ProbeChild::Next() {
  const short events =
      TRY(PollOne(in_.get(), POLLIN, std::chrono::steady_clock::now() + kPatience));
  if (events == 0) return Failure(Code::kDeadlineExceeded, "the probe hangs");
  Tried tried;
  const ssize_t count = ::read(in_.get(), &tried, sizeof tried);
  if (count < 0) return SysFailure("read", "probe");
  if (count != sizeof tried) return Failure(Code::kUnavailable, "the probe ended");
  return tried;
}

Status ProbeChild::GoOn() {
  if (::write(out_.get(), "g", 1) != 1) return SysFailure("write", "probe");
  return {};
}

std::vector<Tried> ProbeChild::Rest() {
  std::vector<Tried> all;
  for (;;) {
    const auto next = Next();
    if (!next.ok()) return all;
    all.push_back(*next);
  }
}

int TryInChild(const std::function<void(const ProbeReporter&)>& body) {
  auto child = ProbeChild::Start(body);
  if (!child.ok()) return child.error().sys_errno != 0 ? child.error().sys_errno : ECHILD;
  const auto tried = child->Next();
  return tried.ok() ? tried->sys_errno : ECHILD;
}

}  // namespace fabro::jail
