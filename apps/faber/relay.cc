#include "apps/faber/relay.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <limits>
#include <optional>

#include "apps/faber/streams.h"
#include "apps/faber/terminal.h"
#include "fabro/linux/poll.h"

namespace fabro::faber {
namespace {

using std::chrono::steady_clock;

// After the command has ended, for the last bytes of an output that something still holds open.
constexpr std::chrono::seconds kDrain{1};

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Status MakeNonBlocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) return SysFailure("F_SETFL");
  return {};
}

// `ours` is the end that stays here; the guest's end blocks, as programs expect.
Result<Pipe> MakePipe(UniqueFd Pipe::* ours) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return SysFailure("pipe2");
  Pipe pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
  TRY(MakeNonBlocking((pipe.*ours).get()));
  return pipe;
}

// The streams of one command, of either kind.
struct Wiring {
  jail::Exec exec;
  OutputStream out;
  OutputStream err;
  InputStream in;
  UniqueFd terminal;  // The pseudo-terminal, for its size; empty with pipes.
};

std::uint64_t OutputLimit(const model::ExecSpec& spec) {
  return spec.limits.output ? spec.limits.output->bytes()
                            : std::numeric_limits<std::uint64_t>::max();
}

struct Streams {
  jail::GuestStdio guest;
  UniqueFd in;
  UniqueFd out;
  UniqueFd err;
};

Result<Streams> MakeStreams() {
  Pipe in = TRY(MakePipe(&Pipe::write));
  Pipe out = TRY(MakePipe(&Pipe::read));
  Pipe err = TRY(MakePipe(&Pipe::read));
  return Streams{{std::move(in.read), std::move(out.write), std::move(err.write)},
                 std::move(in.write),
                 std::move(out.read),
                 std::move(err.read)};
}

Wiring Wire(jail::Exec exec, Streams streams, const model::ExecSpec& spec, OutputMode mode) {
  const bool pass = mode == OutputMode::kPass;
  const std::uint64_t limit = OutputLimit(spec);
  return Wiring{std::move(exec),
                OutputStream(std::move(streams.out), pass ? STDOUT_FILENO : -1, limit),
                OutputStream(std::move(streams.err), pass ? STDERR_FILENO : -1, limit),
                InputStream(STDIN_FILENO, std::move(streams.in)), UniqueFd()};
}

Result<Wiring> StartWithTerminal(jail::Jail& jail, const model::ExecSpec& spec) {
  const winsize size = WindowSize(STDIN_FILENO);
  jail::GuestStdio stdio;
  stdio.rows = size.ws_row;
  stdio.columns = size.ws_col;
  jail::Exec exec = TRY(jail.Start(spec, std::move(stdio)));
  UniqueFd terminal = exec.TakeTerminal();
  if (!terminal) return Failure(Code::kInternal, "the sandbox gave no terminal", "jailer_refused");
  TRY(MakeNonBlocking(terminal.get()));
  UniqueFd reading(::fcntl(terminal.get(), F_DUPFD_CLOEXEC, 0));
  UniqueFd writing(::fcntl(terminal.get(), F_DUPFD_CLOEXEC, 0));
  if (!reading || !writing) return SysFailure("F_DUPFD_CLOEXEC");
  return Wiring{std::move(exec), OutputStream(std::move(reading), STDOUT_FILENO, OutputLimit(spec)),
                OutputStream(UniqueFd(), -1, 0), InputStream(STDIN_FILENO, std::move(writing)),
                std::move(terminal)};
}

class Relay {
 public:
  Relay(Wiring wiring, ForwardedSignals signals)
      : wiring_(std::move(wiring)), signals_(std::move(signals)) {}

  Result<RelayResult> Run() {
    while (!Finished()) TRY(Step());
    RelayResult result;
    result.outcome = *outcome_;
    result.out = {wiring_.out.captured(), !wiring_.out.over_limit()};
    result.err = {wiring_.err.captured(), !wiring_.err.over_limit()};
    // The command may have ended by itself between the byte too many and our order.
    const bool over = wiring_.out.over_limit() || wiring_.err.over_limit();
    if (over && result.outcome.fate > model::Fate::kOutputLimit) {
      result.outcome.fate = model::Fate::kOutputLimit;
    }
    return result;
  }

 private:
  bool Finished() const {
    if (!outcome_) return false;
    if (interrupted_ || (wiring_.out.done() && wiring_.err.done())) return true;
    const bool waiting = wiring_.out.waits_for_caller() || wiring_.err.waits_for_caller();
    return !waiting && steady_clock::now() >= drain_until_;
  }

  // A reader of ours may take as long as it likes; something in the sandbox may not.
  Deadline NextDeadline() const {
    const bool waiting = wiring_.out.waits_for_caller() || wiring_.err.waits_for_caller();
    return outcome_ && !waiting ? Deadline(drain_until_) : std::nullopt;
  }

  Status Step() {
    OutputStream& out = wiring_.out;
    OutputStream& err = wiring_.err;
    InputStream& in = wiring_.in;
    std::array<pollfd, 6> fds = {{
        {outcome_ ? -1 : wiring_.exec.fd(), POLLIN, 0},
        {signals_.fd(), POLLIN, 0},
        {out.poll_fd(), out.poll_events(), 0},
        {err.poll_fd(), err.poll_events(), 0},
        {in.poll_from(), POLLIN, 0},
        {in.poll_to(), in.poll_to_events(), 0},
    }};
    TRY(Poll(fds, NextDeadline()));
    if (fds[1].revents != 0) TRY(Forward());
    if (fds[2].revents != 0) TRY(out.Move());
    if (fds[3].revents != 0) TRY(err.Move());
    if (fds[4].revents != 0) in.Read();
    if (fds[5].revents != 0) in.Write(fds[5].revents);
    const bool over = out.over_limit() || err.over_limit();
    if (over && !outcome_) TRY(Kill(model::Fate::kOutputLimit));
    if (fds[0].revents != 0) TRY(TakeOutcome());
    return {};
  }

  Status Kill(model::Fate fate) {
    if (std::exchange(killed_, true)) return {};
    return wiring_.exec.Terminate(fate, std::chrono::milliseconds(0));
  }

  Status Forward() {
    while (const std::optional<int> signal = signals_.Next()) {
      if (*signal == SIGWINCH) {
        if (wiring_.terminal) CopyWindowSize(STDIN_FILENO, wiring_.terminal.get());
        continue;
      }
      if (outcome_) {
        interrupted_ = true;  // Nobody is left to send it to, but our reader may be stuck.
        continue;
      }
      if (*signal == SIGINT && ++interrupts_ >= 2) {
        TRY(Kill(model::Fate::kCancelled));
        continue;
      }
      TRY(wiring_.exec.Signal(*signal));
    }
    return {};
  }

  Status TakeOutcome() {
    std::optional<model::Outcome> outcome = TRY(wiring_.exec.Poll());
    if (!outcome) return {};
    outcome_ = std::move(outcome);
    wiring_.in.Close();
    drain_until_ = steady_clock::now() + kDrain;
    return {};
  }

  Wiring wiring_;
  ForwardedSignals signals_;
  std::optional<model::Outcome> outcome_;
  steady_clock::time_point drain_until_{};
  int interrupts_ = 0;
  bool killed_ = false;
  bool interrupted_ = false;
};

}  // namespace

namespace {

Result<RelayResult> RelayInTerminal(jail::Jail& jail, const model::ExecSpec& spec) {
  // Before the start: a signal between the two would end us and not reach the command.
  ForwardedSignals signals = TRY(ForwardedSignals::Block());
  Wiring wiring = TRY(StartWithTerminal(jail, spec));
  const RawTerminal raw = TRY(RawTerminal::Enter(STDIN_FILENO));
  return Relay(std::move(wiring), std::move(signals)).Run();
}

}  // namespace

Result<RelayResult> RelayIn(jail::Jail& jail, const model::ExecSpec& spec, OutputMode mode) {
  if (spec.tty) return RelayInTerminal(jail, spec);
  ForwardedSignals signals = TRY(ForwardedSignals::Block());
  Streams streams = TRY(MakeStreams());
  jail::Exec exec = TRY(jail.Start(spec, std::move(streams.guest)));
  Wiring wiring = Wire(std::move(exec), std::move(streams), spec, mode);
  return Relay(std::move(wiring), std::move(signals)).Run();
}

Result<RelayedAlone> RelayAlone(jail::Jailer jailer, const model::SandboxSpec& sandbox,
                                const model::ExecSpec& spec, OutputMode mode) {
  ForwardedSignals signals = TRY(ForwardedSignals::Block());
  Streams streams = TRY(MakeStreams());
  jail::Jail::Alone alone =
      TRY(jail::Jail::StartAlone(std::move(jailer), sandbox, spec, streams.guest));
  streams.guest = {};  // What we held would keep the pipes open.
  Wiring wiring = Wire(std::move(alone.exec), std::move(streams), spec, mode);
  RelayedAlone relayed;
  auto result = Relay(std::move(wiring), std::move(signals)).Run();
  TRY(alone.jail.Confirm());  // Says more than a command that found no Jail.
  relayed.result = TRY(std::move(result));
  relayed.info = alone.jail.info();
  // Nothing of the sandbox is left when we say how it went.
  TRY_IN("cleaning up the sandbox", alone.jail.Stop());
  return relayed;
}

}  // namespace fabro::faber
