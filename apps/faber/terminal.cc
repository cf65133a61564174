#include "apps/faber/terminal.h"

#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <csignal>

namespace fabro::faber {

Result<RawTerminal> RawTerminal::Enter(int fd) {
  termios before{};
  if (::tcgetattr(fd, &before) != 0) return SysFailure("tcgetattr");
  termios raw = before;
  ::cfmakeraw(&raw);
  RawTerminal terminal(fd, before);
  if (::tcsetattr(fd, TCSADRAIN, &raw) != 0) return SysFailure("tcsetattr");
  return terminal;
}

RawTerminal::~RawTerminal() {
  // TCSADRAIN: what the command wrote last is shown as it was meant.
  if (fd_ >= 0) ::tcsetattr(fd_, TCSADRAIN, &before_);
}

winsize WindowSize(int terminal) {
  winsize size{};
  if (::ioctl(terminal, TIOCGWINSZ, &size) != 0) {
    size.ws_row = 24;
    size.ws_col = 80;
  }
  return size;
}

void CopyWindowSize(int from, int to) {
  winsize size{};
  if (::ioctl(from, TIOCGWINSZ, &size) == 0) ::ioctl(to, TIOCSWINSZ, &size);
}

Result<ForwardedSignals> ForwardedSignals::Block() {
  constexpr std::array kForwarded = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : kForwarded) {
    struct sigaction action{};
    // The kernel does not drop a blocked signal because it is ignored, so we must not block it.
    if (::sigaction(signal, nullptr, &action) == 0 && action.sa_handler != SIG_IGN) {
      ::sigaddset(&set, signal);
    }
  }
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return SysFailure("sigprocmask");
  UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return SysFailure("signalfd");
  return ForwardedSignals(std::move(fd));
}

std::optional<int> ForwardedSignals::Next() const {
  signalfd_siginfo info{};
  if (::read(fd_.get(), &info, sizeof info) != sizeof info) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

}  // namespace fabro::faber
