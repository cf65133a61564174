#include "fabro/provider/local/local_exec.h"

#include <fcntl.h>

#include <array>
#include <csignal>

#include "fabro/linux/poll.h"

namespace fabro::provider {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::seconds kGrace{2};  // Between SIGTERM and SIGKILL.
constexpr std::chrono::seconds kDrain{1};  // How long a background process may hold the pipes.
constexpr std::size_t kChunk = 65536;

Result<std::array<UniqueFd, 2>> MakePipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return SysFailure("pipe2");
  return std::array<UniqueFd, 2>{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// The life of one command, in three phases: it runs; it was told to end and has its grace; its
// leader is gone and the pipes are read out.
class LocalExec {
 public:
  LocalExec(OrphanReaper& reaper, const ExecRequest& request, MarkQuery query)
      : reaper_(reaper),
        request_(request),
        query_(std::move(query)),
        cancel_fd_(request.cancel_fd) {}

  Result<ExecResult> Run(SpawnRequest spawn);

 private:
  enum class Phase { kRunning, kEnding, kDraining };

  Status Start(SpawnRequest spawn);
  Status Step();
  void ReadSome(UniqueFd& from, Stream stream);
  void ReadReady(UniqueFd& from, Stream stream);
  void BeginEnding(Termination termination);
  Status LeaderEnded();
  Status DeadlinePassed();
  Status KillAll();
  Result<ExecResult> Conclude();

  OrphanReaper& reaper_;
  const ExecRequest& request_;
  MarkQuery query_;
  int cancel_fd_;
  std::optional<Process> leader_;  // Until reaped.
  UniqueFd out_;
  UniqueFd err_;
  UniqueFd watched_;  // In the grace, one of those still alive after the leader.
  Phase phase_ = Phase::kRunning;
  Deadline deadline_;
  Termination termination_ = Termination::kExited;
  ExitStatus status_{};
  Status callback_;
  SteadyClock::time_point started_;
  SteadyClock::time_point ended_;
};

Status LocalExec::Start(SpawnRequest spawn) {
  auto out = TRY(MakePipe());
  auto err = TRY(MakePipe());
  spawn.out = out[1].get();
  spawn.err = err[1].get();
  spawn.new_session = true;
  started_ = SteadyClock::now();
  Process leader = TRY(reaper_.SpawnLeader(spawn));
  query_.session = leader.pid();
  leader_.emplace(std::move(leader));
  out_ = std::move(out[0]);
  err_ = std::move(err[0]);
  if (request_.timeout) deadline_ = started_ + *request_.timeout;
  return {};
}

void LocalExec::ReadSome(UniqueFd& from, Stream stream) {
  std::array<char, kChunk> chunk;
  const ssize_t got = ::read(from.get(), chunk.data(), chunk.size());
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (got <= 0) {
    from.reset();
    return;
  }
  if (!request_.on_output || !callback_.ok()) return;
  callback_ = request_.on_output(stream, {chunk.data(), static_cast<std::size_t>(got)});
  if (!callback_.ok()) BeginEnding(Termination::kCancelled);
}

void LocalExec::BeginEnding(Termination termination) {
  if (phase_ != Phase::kRunning) return;
  phase_ = Phase::kEnding;
  termination_ = termination;
  cancel_fd_ = -1;
  deadline_ = SteadyClock::now() + kGrace;
  // The group of a leader that is not reaped yet cannot be anybody else's.
  (void)::kill(-leader_->pid(), SIGTERM);
}

// After a normal end what it left behind lives on; after a timeout it has the rest of the grace.
Status LocalExec::LeaderEnded() {
  const pid_t pid = leader_->pid();
  status_ = TRY(leader_->Wait());
  ended_ = SteadyClock::now();
  leader_.reset();
  reaper_.Forget(pid);
  if (phase_ == Phase::kRunning) {
    const std::vector<FoundProcess> survivors = TRY(FindProcesses(query_));
    reaper_.Remember(survivors);
    phase_ = Phase::kDraining;
    deadline_ = SteadyClock::now() + kDrain;
    return {};
  }
  UniqueFd rest = TRY(WatchAny(query_));
  if (!rest) return KillAll();
  watched_ = std::move(rest);
  return {};
}

Status LocalExec::KillAll() {
  const std::vector<FoundProcess> killed = TRY(KillProcesses(query_));
  reaper_.Remember(killed);
  watched_.reset();
  if (leader_) {
    const pid_t pid = leader_->pid();
    status_ = TRY(leader_->Wait());
    ended_ = SteadyClock::now();
    leader_.reset();
    reaper_.Forget(pid);
  }
  phase_ = Phase::kDraining;
  deadline_ = SteadyClock::now() + kDrain;
  return {};
}

Status LocalExec::DeadlinePassed() {
  if (phase_ == Phase::kRunning) {
    BeginEnding(Termination::kTimedOut);
  } else if (phase_ == Phase::kEnding) {
    TRY(KillAll());
  } else {
    // One last look, for a slow `on_output`: what the leader itself wrote is in the pipe.
    if (out_) ReadReady(out_, Stream::kStdout);
    if (err_) ReadReady(err_, Stream::kStderr);
    out_.reset();
    err_.reset();
  }
  return {};
}

void LocalExec::ReadReady(UniqueFd& from, Stream stream) {
  const auto events = PollOne(from.get(), POLLIN, SteadyClock::now());
  if (events.ok() && *events != 0) ReadSome(from, stream);
}

Status LocalExec::Step() {
  const int life = leader_ ? leader_->pidfd() : watched_.get();
  std::array<pollfd, 4> fds{{{out_.get(), POLLIN, 0},
                             {err_.get(), POLLIN, 0},
                             {life, POLLIN, 0},
                             {cancel_fd_, POLLIN, 0}}};
  const int ready = TRY(Poll(fds, deadline_));
  if (ready == 0) return DeadlinePassed();
  // A command that writes without end must not outrun its own deadline.
  if (deadline_ && SteadyClock::now() >= *deadline_) return DeadlinePassed();
  if (fds[3].revents != 0) BeginEnding(Termination::kCancelled);
  if (fds[0].revents != 0) ReadSome(out_, Stream::kStdout);
  if (fds[1].revents != 0) ReadSome(err_, Stream::kStderr);
  if (fds[2].revents == 0) return {};
  if (leader_) return LeaderEnded();
  UniqueFd rest = TRY(WatchAny(query_));
  if (!rest) return KillAll();
  watched_ = std::move(rest);
  return {};
}

Result<ExecResult> LocalExec::Conclude() {
  if (!callback_.ok()) return callback_.error();
  ExecResult result;
  result.termination = termination_;
  result.duration = std::chrono::duration_cast<std::chrono::milliseconds>(ended_ - started_);
  if (termination_ == Termination::kExited) {
    const bool exited = status_.kind == ExitStatus::Kind::kExited;
    result.exit_code = exited ? status_.value : 128 + status_.value;
  }
  return result;
}

Result<ExecResult> LocalExec::Run(SpawnRequest spawn) {
  TRY(Start(std::move(spawn)));
  while (phase_ != Phase::kDraining || out_ || err_) {
    const Status step = Step();
    if (step.ok()) continue;
    if (leader_) reaper_.Forget(leader_->pid());
    leader_.reset();  // Kills and reaps it.
    (void)KillProcesses(query_);
    return step.error();
  }
  reaper_.Reap();
  return Conclude();
}

}  // namespace

Result<ExecResult> RunLocal(OrphanReaper& reaper, SpawnRequest spawn, const std::string& mark,
                            const ExecRequest& request) {
  MarkQuery query;
  query.mark = mark;
  LocalExec exec(reaper, request, std::move(query));
  return exec.Run(std::move(spawn));
}

}  // namespace fabro::provider
