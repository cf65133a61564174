#include "fabro/jail/supervise/violations.h"

#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
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

// Name and innermost pid of a thread, from its status (proc_pid_status(5)). The guest chose the
// name, so only what prints is kept; the kernel writes a newline in it as "\\n".
void Identify(std::uint32_t pid, model::Violation& violation) {
  const auto text = ReadFile("/proc/" + std::to_string(pid) + "/status", 16_KiB);
  if (!text) return;
  const auto field = [&](std::string_view name) {
    const std::size_t at = text->find(name);
    if (at == std::string::npos) return std::string_view();
    const std::size_t begin = at + name.size();
    return std::string_view(*text).substr(begin, text->find('\n', begin) - begin);
  };
  for (const char c : field("Name:\t")) {
    violation.comm.push_back(c >= 0x20 && c < 0x7f ? c : '?');
  }
  const std::string_view pids = field("\nNSpid:");
  const std::string_view inner = pids.substr(std::min(pids.rfind('\t') + 1, pids.size()));
  std::from_chars(inner.data(), inner.data() + inner.size(), violation.guest_pid);
}

// What becomes of a call.
struct Answer {
  bool kill = false;
  int sys_errno = 0;  // Of one that goes on: 0.
};

void Record(int listener, const seccomp_notif& request, Answer answer, model::Outcome& outcome) {
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
  Identify(request.pid, violation);
  // Read of a process that waits for our answer, or of a stranger that has its pid by now
  // (seccomp_unotify(2), SECCOMP_IOCTL_NOTIF_ID_VALID).
  if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &request.id) != 0) {
    violation.comm.clear();
    violation.guest_pid = 0;
  }
  violation.killed = answer.kill;
  violation.sys_errno = answer.kill ? 0 : answer.sys_errno;
  outcome.violations.push_back(std::move(violation));
}

bool Knows(const model::Outcome& outcome, const seccomp_notif& request) {
  const std::string call = seccomp::DescribeCall(request.data);
  return std::ranges::any_of(outcome.violations,
                             [&](const model::Violation& one) { return one.call == call; });
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
  using Kind = seccomp::Verdict::Kind;
  const seccomp::Verdict verdict = seccomp::VerdictOf(options, in.request.data);
  Answer answer{.kill = verdict.kind == Kind::kKill, .sys_errno = verdict.sys_errno};
  const bool go_on = options.learn.has_value() && verdict.kind == Kind::kAllow;
  if (!go_on && verdict.kind != Kind::kSoft && answer.sys_errno == 0) answer.sys_errno = EPERM;
  // One that is learned is told once, and what low refuses softly nobody needs.
  const bool known = options.learn.has_value() && Knows(outcome, in.request);
  if (!known && verdict.kind != Kind::kSoft) Record(listener, in.request, answer, outcome);
  if (answer.kill) return true;
  ReplyBuffer out;
  std::memset(&out, 0, sizeof(out));
  out.reply.id = in.request.id;
  out.reply.error = -answer.sys_errno;
  // Only to learn, and only by what is in registers, which the waiting call cannot change.
  if (go_on) out.reply.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  ::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &out);
  return false;
}

}  // namespace fabro::jail::supervise
