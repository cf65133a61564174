// For kernel tests: a child below a filter, and the reading side of its listener.
#pragma once

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <vector>

#include "fabro/linux/seccomp/load.h"
#include "fabro/linux/seccomp/seccomp.h"

namespace fabro::seccomp {

// Exit codes of a child that did not get as far as its body.
inline constexpr int kNotLoaded = 120;
inline constexpr int kNotSent = 121;

inline void Prepare() {
  const rlimit none{};
  (void)::setrlimit(RLIMIT_CORE, &none);
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  (void)::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

// Forks; the child loads the filter and exits with what `body` returns. The wait status.
template <typename Body>
int RunBelow(const std::vector<sock_filter>& filter, Body body) {
  const pid_t child = ::fork();
  if (child == 0) {
    Prepare();
    if (LoadFilter(filter.data(), filter.size()) != 0) ::_exit(kNotLoaded);
    ::_exit(body());
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  return status;
}

// Whether a listener can be had here: not below another one (LXD, a sandbox in a sandbox).
inline bool ListenerAllowed() {
  const sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const pid_t child = ::fork();
  if (child == 0) {
    Prepare();
    ::_exit(LoadFilterWithListener(allow, 1) >= 0 ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  return status == 0;
}

// "exit 0", "signal 31".
inline std::string StatusText(int status) {
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
  return "exit " + std::to_string(WEXITSTATUS(status));
}

inline const std::string kKilled = "signal " + std::to_string(SIGSYS);

inline bool SendFd(int socket, int fd) {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  return ::sendmsg(socket, &message, MSG_NOSIGNAL) == 1;
}

inline int ReceiveFd(int socket) {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  int fd = -1;
  if (::recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1) return -1;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return fd;
}

// A child below a notifying filter. As a jailer would have it: the child loads the filter, sends
// the listener away through a socket, closes its ends and runs `body`. Killed and reaped on
// destruction.
class Guest {
 public:
  template <typename Body>
  Guest(const FilterOptions& options, Body body) : options_(options) {
    const auto filter = CompileFilter(options).value();
    int sockets[2] = {-1, -1};
    (void)::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets);
    pid_ = ::fork();
    if (pid_ == 0) {
      Prepare();
      (void)::setpgid(0, 0);
      const int listener = LoadFilterWithListener(filter.data(), filter.size());
      if (listener < 0) ::_exit(kNotLoaded);
      if (!SendFd(sockets[1], listener)) ::_exit(kNotSent);
      ::close(listener);
      ::close(sockets[0]);
      ::close(sockets[1]);
      ::_exit(body());
    }
    ::close(sockets[1]);
    listener_ = ReceiveFd(sockets[0]);
    ::close(sockets[0]);
  }
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;
  ~Guest() {
    CloseListener();
    if (!reaped_) {
      ::kill(-pid_, SIGKILL);
      ::kill(pid_, SIGKILL);
      (void)Wait();
    }
  }

  pid_t pid() const { return pid_; }
  int listener() const { return listener_; }

  void CloseListener() {
    if (listener_ >= 0) ::close(listener_);
    listener_ = -1;
  }

  // Blocks for the next notification; false when nobody is left below the filter.
  bool Receive(seccomp_notif& request) {
    for (;;) {
      pollfd poll{listener_, POLLIN, 0};
      if (::poll(&poll, 1, -1) < 0 && errno == EINTR) continue;
      if ((poll.revents & POLLIN) == 0) return false;
      request = {};
      if (::ioctl(listener_, SECCOMP_IOCTL_NOTIF_RECV, &request) == 0) return true;
      if (errno != ENOENT && errno != EINTR) return false;
    }
  }

  // Lets the call fail with that errno.
  bool Refuse(const seccomp_notif& request, int sys_errno) {
    seccomp_notif_resp response{};
    response.id = request.id;
    response.error = -sys_errno;
    return ::ioctl(listener_, SECCOMP_IOCTL_NOTIF_SEND, &response) == 0;
  }

  // Answers as the policy says until all are gone; what was reported, one call a line.
  std::string Serve() {
    std::string reported;
    seccomp_notif request{};
    while (Receive(request)) {
      reported += DescribeCall(request.data) + "\n";
      const Verdict verdict = VerdictOf(options_, request.data);
      if (verdict.kind == Verdict::Kind::kReported) {
        (void)Refuse(request, verdict.sys_errno);
      } else {
        ::kill(-pid_, SIGKILL);
      }
    }
    return reported;
  }

  std::string Wait() {
    int status = -1;
    ::waitpid(pid_, &status, 0);
    reaped_ = true;
    return StatusText(status);
  }

 private:
  FilterOptions options_;
  pid_t pid_ = -1;
  int listener_ = -1;
  bool reaped_ = false;
};

}  // namespace fabro::seccomp
