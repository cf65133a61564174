#include "fabro/jail/supervise/violations.h"

#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

#include "fabro/linux/file.h"

namespace fabro::jail::supervise {
namespace {

// A newer kernel writes more than our header knows of; 512 bytes hold what it may grow to.
union RequestBuffer {
  seccomp_notif request;
  char space[512];
};
union ReplyBuffer {
  seccomp_notif_resp reply;
  char space[512];
};

bool HasEvent(int listener) {
  pollfd one{.fd = listener, .events = POLLIN, .revents = 0};
  return ::poll(&one, 1, 0) == 1 && (one.revents & POLLIN) != 0;
}

// The process's name; the guest chose it, so only what prints is kept.
std::string CommOf(std::uint32_t pid) {
  const auto text = ReadFile("/proc/" + std::to_string(pid) + "/comm", 64_B);
  std::string name;
  if (!text) return name;
  for (const char c : *text) {
    if (c == '\n') break;
    name.push_back(c >= 0x20 && c < 0x7f ? c : '?');
  }
  return name;
}

void Record(int listener, const seccomp_notif& request, bool killed, model::Outcome& outcome) {
  if (outcome.violations.size() >= kMaxViolations) {
    ++outcome.violations_dropped;
    return;
  }
  model::Violation violation;
  const auto arch = static_cast<seccomp::Arch>(request.data.arch);
  if (arch == seccomp::NativeArch()) {
    violation.syscall = seccomp::SyscallName(arch, static_cast<std::uint32_t>(request.data.nr));
  }
  violation.call = seccomp::DescribeCall(request.data);
  if (violation.syscall.empty()) violation.syscall = violation.call;
  violation.pid = static_cast<std::int32_t>(request.pid);
  violation.comm = CommOf(request.pid);
  // Read of a process that waits for our answer, or of a stranger that has its pid by now
  // (seccomp_unotify(2), SECCOMP_IOCTL_NOTIF_ID_VALID).
  if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &request.id) != 0) violation.comm.clear();
  violation.killed = killed;
  outcome.violations.push_back(std::move(violation));
}

}  // namespace

std::optional<bool> AnswerOne(int listener, const seccomp::FilterOptions& options,
                              model::Outcome& outcome) {
  if (!HasEvent(listener)) return std::nullopt;
  RequestBuffer in;
  std::memset(&in, 0, sizeof(in));  // The kernel wants it zeroed.
  if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &in) != 0) {
    // ENOENT: the caller died in between; there may be others.
    return errno == ENOENT || errno == EINTR ? std::optional<bool>(false) : std::nullopt;
  }
  const seccomp::Verdict verdict = seccomp::VerdictOf(options, in.request.data);
  const bool kill = verdict.kind == seccomp::Verdict::Kind::kKill;
  Record(listener, in.request, kill, outcome);
  ReplyBuffer out;
  std::memset(&out, 0, sizeof(out));
  out.reply.id = in.request.id;
  // A call of class K waits no longer than its process has left; the errno is a second net.
  out.reply.error = -(verdict.sys_errno != 0 ? verdict.sys_errno : EPERM);
  if (!kill) ::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &out);
  return kill;
}

}  // namespace fabro::jail::supervise
