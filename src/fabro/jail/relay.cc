#include "fabro/jail/relay.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <string>
#include <utility>

#include "fabro/linux/file.h"
#include "fabro/linux/no_sigpipe.h"
#include "fabro/linux/poll.h"

namespace fabro::jail {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kBlock = 64 * 1024;

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Result<Pipe> MakePipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return SysFailure("pipe2");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// Only our end: the flag belongs to the pipe's end, and the guest has the other one.
Status MakeNonBlocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) return SysFailure("F_SETFL");
  return {};
}

class Relay {
 public:
  Relay(Exec exec, const model::ExecSpec& spec, const RelayOptions& options)
      : exec_(std::move(exec)), options_(options) {
    if (spec.limits.output) limit_ = spec.limits.output->bytes();
  }

  Status TakePipes(UniqueFd in, UniqueFd out, UniqueFd err) {
    in_ = std::move(in);
    streams_[0] = {Stream::kStdout, std::move(out)};
    streams_[1] = {Stream::kStderr, std::move(err)};
    if (in_) TRY(MakeNonBlocking(in_.get()));
    for (const OneStream& stream : streams_) TRY(MakeNonBlocking(stream.fd.get()));
    return {};
  }

  Result<Relayed> Run() {
    while (!outcome_ || streams_[0].fd || streams_[1].fd) {
      if (outcome_ && steady_clock::now() >= drain_until_) break;
      TRY(Step());
    }
    if (failed_) return *failed_;
    Relayed relayed;
    relayed.outcome = *outcome_;
    relayed.stdout_bytes = streams_[0].bytes;
    relayed.stderr_bytes = streams_[1].bytes;
    // The command may have ended by itself between the byte too many and our order.
    if (over_limit_ && relayed.outcome.fate > model::Fate::kOutputLimit) {
      relayed.outcome.fate = model::Fate::kOutputLimit;
    }
    return relayed;
  }

 private:
  struct OneStream {
    Stream stream = Stream::kStdout;
    UniqueFd fd;
    std::uint64_t bytes = 0;
  };

  Status Step() {
    const bool feeding = in_ && pending_.empty();
    std::array<pollfd, 6> fds = {{
        {outcome_ ? -1 : exec_.fd(), POLLIN, 0},
        {streams_[0].fd.get(), POLLIN, 0},
        {streams_[1].fd.get(), POLLIN, 0},
        {outcome_ || stopping_ ? -1 : options_.cancel_fd, POLLIN, 0},
        {feeding ? options_.stdin_fd : -1, POLLIN, 0},
        // Without bytes to write only its hang-up counts.
        {in_.get(), static_cast<short>(pending_.empty() ? 0 : POLLOUT), 0},
    }};
    TRY(Poll(fds, NextDeadline()));
    for (int i = 0; i < 2; ++i) {
      if (fds[1 + i].revents != 0) TRY(ReadStream(streams_[i]));
    }
    if (fds[4].revents != 0) TRY(ReadInput());
    if (fds[5].revents != 0) WriteInput(fds[5].revents);
    if (fds[3].revents != 0) TRY(Stop(model::Fate::kCancelled));
    if (!stopping_ && options_.deadline && steady_clock::now() >= *options_.deadline) {
      TRY(Stop(model::Fate::kTimedOut));
    }
    if (fds[0].revents != 0) TRY(TakeOutcome());
    return {};
  }

  Deadline NextDeadline() const {
    if (outcome_) return drain_until_;
    return stopping_ ? Deadline() : options_.deadline;
  }

  Status Stop(model::Fate fate) {
    stopping_ = true;
    return exec_.Terminate(fate, options_.grace);
  }

  Status TakeOutcome() {
    std::optional<model::Outcome> outcome = TRY(exec_.Poll());
    if (!outcome) return {};
    outcome_ = std::move(outcome);
    in_.reset();
    drain_until_ = steady_clock::now() + options_.drain;
    return {};
  }

  Status ReadStream(OneStream& stream) {
    static thread_local std::array<char, kBlock> block;
    const ssize_t got = ::read(stream.fd.get(), block.data(), block.size());
    if (got < 0) return errno == EAGAIN || errno == EINTR ? Status() : SysFailure("read", "output");
    if (got == 0) {
      stream.fd.reset();
      return {};
    }
    const auto size = static_cast<std::uint64_t>(got);
    const std::uint64_t passed = std::min(size, limit_ - stream.bytes);
    stream.bytes += passed;
    if (passed > 0 && !failed_ && options_.on_output) {
      const Status taken =
          options_.on_output(stream.stream, std::string_view(block.data(), passed));
      if (!taken) {
        failed_ = taken.error();
        if (!outcome_) TRY(exec_.Terminate(model::Fate::kCancelled, std::chrono::milliseconds(0)));
      }
    }
    if (passed < size && !std::exchange(over_limit_, true) && !outcome_) {
      TRY(exec_.Terminate(model::Fate::kOutputLimit, std::chrono::milliseconds(0)));
    }
    return {};
  }

  Status ReadInput() {
    pending_.resize(kBlock);
    const ssize_t got = ::read(options_.stdin_fd, pending_.data(), pending_.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
      pending_.clear();
      return {};
    }
    if (got < 0) return SysFailure("read", "input");
    pending_.resize(static_cast<std::size_t>(got));
    if (got == 0) in_.reset();  // The end of the input is the guest's end of file.
    return {};
  }

  void WriteInput(short events) {
    const NoSigpipe no_sigpipe;  // A guest that reads no input is no end of ours.
    const ssize_t put = pending_.empty() ? 0 : ::write(in_.get(), pending_.data(), pending_.size());
    if (put > 0) pending_.erase(0, static_cast<std::size_t>(put));
    const bool refused = put < 0 && errno != EAGAIN && errno != EINTR;
    // The guest closed its stdin: nobody will read the rest.
    if (refused || (events & (POLLERR | POLLHUP)) != 0) {
      in_.reset();
      pending_.clear();
    }
  }

  Exec exec_;
  const RelayOptions& options_;
  std::uint64_t limit_ = std::numeric_limits<std::uint64_t>::max();
  UniqueFd in_;
  std::array<OneStream, 2> streams_;
  std::string pending_;  // Read from the source, not yet written to the guest.
  std::optional<model::Outcome> outcome_;
  std::optional<Error> failed_;  // Of on_output.
  bool stopping_ = false;
  bool over_limit_ = false;
  steady_clock::time_point drain_until_{};
};

struct Streams {
  GuestStdio guest;
  UniqueFd in;
  UniqueFd out;
  UniqueFd err;
};

Result<Streams> MakeStreams(const RelayOptions& options) {
  Streams streams;
  Pipe out = TRY(MakePipe());
  Pipe err = TRY(MakePipe());
  if (options.stdin_fd >= 0) {
    Pipe feed = TRY(MakePipe());
    streams.guest.in = std::move(feed.read_end);
    streams.in = std::move(feed.write_end);
  } else {
    streams.guest.in = TRY(Open("/dev/null", O_RDONLY));
  }
  streams.guest.out = std::move(out.write_end);
  streams.guest.err = std::move(err.write_end);
  streams.out = std::move(out.read_end);
  streams.err = std::move(err.read_end);
  return streams;
}

Result<Relayed> Stay(Exec exec, Streams streams, const model::ExecSpec& spec,
                     const RelayOptions& options) {
  streams.guest = {};  // The guest has its own; what we held would keep the pipes open.
  Relay relay(std::move(exec), spec, options);
  TRY(relay.TakePipes(std::move(streams.in), std::move(streams.out), std::move(streams.err)));
  return relay.Run();
}

}  // namespace

Result<Relayed> RunRelayed(Jail& jail, const model::ExecSpec& spec, const RelayOptions& options) {
  Streams streams = TRY(MakeStreams(options));
  Exec exec = TRY(jail.Start(spec, std::move(streams.guest)));
  return Stay(std::move(exec), std::move(streams), spec, options);
}

Result<RanAlone> RunAlone(Jailer jailer, const model::SandboxSpec& sandbox,
                          const model::ExecSpec& spec, const RelayOptions& options) {
  // What waits for a jailer of ours, or for a mount on disk to be gone, is told by its answer.
  const bool wait = jailer.is_child() || sandbox.workspace.kind == model::WorkspaceKind::kDisk;
  Streams streams = TRY(MakeStreams(options));
  Jail::Alone alone = TRY(Jail::StartAlone(std::move(jailer), sandbox, spec, streams.guest));
  RanAlone ran;
  auto relayed = Stay(std::move(alone.exec), std::move(streams), spec, options);
  TRY(alone.jail.Confirm());  // Says more than a command that found no Jail.
  ran.relayed = TRY(std::move(relayed));
  ran.info = alone.jail.info();
  if (wait || !ran.relayed.outcome.cleanup_succeeded) {
    TRY(alone.jail.Stop());
  } else {
    (void)alone.jail.ReleaseLease();
  }
  return ran;
}

}  // namespace fabro::jail
