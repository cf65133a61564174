// Following a run, and having a say in it.
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <utility>

#include "fabro/base/clock.h"
#include "fabro/linux/file.h"
#include "fabro/linux/proc_info.h"
#include "fabro/runs/control_socket.h"
#include "fabro/runs/paths.h"
#include "fabro/runs/runs.h"
#include "fabro/runs/summary.h"
#include "fabro/store/event_store.h"
#include "fabro/store/inbox.h"
#include "fabro/store/index_db.h"
#include "fabro/store/run_lock.h"
#include "fabro/workflow/engine/event_log.h"
#include "fabro/workflow/engine/state.h"

namespace fabro::runs {
namespace {

constexpr std::size_t kPage = 256;
constexpr ByteSize kMaxOutput = 256_MiB;
// While a worker starts or ends there may be a moment without pid to watch: look again soon.
constexpr std::chrono::milliseconds kGlance{100};

// A pidfd of the process that works on the run; empty when nobody does.
Result<UniqueFd> WorkerPidfd(const std::string& run_dir) {
  const auto holder = TRY(store::RunLockHolder(run_dir));
  if (!holder) return UniqueFd();
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, holder->pid, 0)));
  // Between the two calls the number may have been given to another process.
  const auto alive = IsAlive(*holder);
  if (!pidfd || !alive.ok() || !*alive) return UniqueFd();
  return pidfd;
}

class Follower {
 public:
  Follower(const RunRef& run, std::uint64_t after, int cancel_fd)
      : run_(run), after_(after), cancel_fd_(cancel_fd) {}

  Status Open() {
    events_ = TRY(store::OpenRunDb(run_.dir, true));
    watch_ = TRY(events_->Watch());
    return {};
  }

  // False: `each` wants no more.
  Result<bool> GiveNew(const std::function<bool(const model::Event&)>& each) {
    for (;;) {
      store::DrainWatch(watch_.get());
      const std::vector<model::Event> page = TRY(events_->Read(after_, kPage));
      if (page.empty()) return true;
      for (const model::Event& event : page) {
        after_ = event.seq;
        if (!each(event)) return false;
      }
    }
  }

  // True while somebody may still write: `worker` is then set, or about to be.
  Result<bool> FindWorker() {
    if (worker_) return true;
    const bool locked = TRY(store::IsRunLocked(run_.dir));
    if (!locked) return false;
    worker_ = TRY(WorkerPidfd(run_.dir));
    return true;
  }

  enum class Woken { kSomething, kWorkerEnded, kCancelled };
  Result<Woken> Wait(Deadline deadline) {
    std::array<pollfd, 3> fds{pollfd{.fd = watch_.get(), .events = POLLIN, .revents = 0},
                              pollfd{.fd = worker_.get(), .events = POLLIN, .revents = 0},
                              pollfd{.fd = cancel_fd_, .events = POLLIN, .revents = 0}};
    if (!worker_) deadline = std::chrono::steady_clock::now() + kGlance;
    TRY(Poll(fds, deadline));
    if (fds[2].revents != 0) return Woken::kCancelled;
    if (fds[1].revents == 0) return Woken::kSomething;
    worker_.reset();
    return Woken::kWorkerEnded;
  }

  Result<bool> Finished() {
    const workflow::RunState state = TRY(workflow::Replay(*events_));
    return state.ended;
  }

 private:
  const RunRef& run_;
  std::uint64_t after_;
  int cancel_fd_;
  std::unique_ptr<store::EventStore> events_;
  UniqueFd watch_;
  UniqueFd worker_;
};

// Ends a run that nobody works on, as its worker would have.
Status CancelIdle(const RunRef& run, const std::string& by) {
  const store::RunLock lock = TRY(store::RunLock::Acquire(run.dir));
  auto events = TRY(store::OpenRunDb(run.dir, false));
  workflow::RunState state = TRY(workflow::Replay(*events));
  if (state.ended) {
    return Failure(Code::kFailedPrecondition, "run " + run.id.value() + " has ended",
                   "run_finished");
  }
  workflow::EventLog log(*events, state, run.id, RealClock());
  TRY(log.Notice("info", "cancel_requested", "cancelled by " + by));
  model::Json properties;
  properties.Set("error", "cancelled by " + by).Set("reason", "cancelled");
  properties.Set("duration_ms", state.last_event_ms - state.first_event_ms);
  properties.SetIfAny("git_commit_sha", state.git_commit_sha);
  TRY(log.Emit("run.failed", std::move(properties)));
  return {};
}

}  // namespace

Result<FollowEnd> Follow(const RunRef& run, std::uint64_t after, int cancel_fd,
                         const std::function<bool(const model::Event&)>& each) {
  Follower follower(run, after, cancel_fd);
  TRY(follower.Open());
  for (;;) {
    // In this order: what a worker stored before it was seen gone is then read after it.
    const bool live = TRY(follower.FindWorker());
    const bool more = TRY(follower.GiveNew(each));
    if (!more) return FollowEnd::kStopped;
    if (!live) {
      const bool finished = TRY(follower.Finished());
      return finished ? FollowEnd::kFinished : FollowEnd::kWorkerGone;
    }
    const auto woken = TRY(follower.Wait(std::nullopt));
    if (woken == Follower::Woken::kCancelled) return FollowEnd::kStopped;
  }
}

Status Cancel(const RunRef& run, const std::string& by) {
  const bool locked = TRY(store::IsRunLocked(run.dir));
  if (!locked) {
    Status idle = CancelIdle(run, by);
    // A worker that came between the look and the lock gets the order below.
    if (idle.ok() || idle.error().reason != "run_locked") return idle;
  }
  model::Json body;
  body.Set("by", by);
  TRY(store::Inbox(run.dir).Put("cancel", body));
  model::Json request;
  request.Set("op", "look");
  // The order is on disk: a worker that does not listen yet reads it when it begins.
  const auto answer = AskWorker(run.dir, request);
  if (answer.ok()) return {};
  const bool still = TRY(store::IsRunLocked(run.dir));
  if (still) return {};
  return CancelIdle(run, by);
}

Status Pause(const RunRef& run) {
  model::Json request;
  request.Set("op", "pause");
  auto answer = AskWorker(run.dir, request);
  if (!answer.ok()) return std::move(answer).error();
  return {};
}

Result<RunSummary> Wait(const RunRef& run, Deadline deadline, int cancel_fd) {
  Follower follower(run, 0, cancel_fd);
  TRY(follower.Open());
  for (;;) {
    const bool live = TRY(follower.FindWorker());
    if (!live) return Inspect(run);
    const auto woken = TRY(follower.Wait(deadline));
    if (woken == Follower::Woken::kCancelled) {
      return Failure(Code::kCancelled, "no longer waited for", "wait_cancelled");
    }
    TRY(follower.GiveNew([](const model::Event&) { return true; }));
    if (deadline && std::chrono::steady_clock::now() >= *deadline) {
      return Failure(Code::kDeadlineExceeded,
                     "run " + run.id.value() + " has not ended in the given time", "wait_timeout");
    }
  }
}

Status Remove(const RunRef& run, bool force) {
  const bool locked = TRY(store::IsRunLocked(run.dir));
  if (locked && !force) {
    return Failure(Code::kFailedPrecondition, "run " + run.id.value() + " is being worked on",
                   "run_active", "cancel it first, or use --force");
  }
  if (locked) {
    const Status cancelled = Cancel(run, "fabro rm");
    if (!cancelled.ok() && cancelled.error().reason != "run_finished") return cancelled;
    TRY(Wait(run, std::nullopt));
  }
  {
    // Held while the directory goes, so that no resume begins in it; a broken run has it as well.
    const store::RunLock lock = TRY(store::RunLock::Acquire(run.dir));
    // Out of sight first: what a crash leaves of it is no run.
    const std::size_t slash = run.dir.rfind('/');
    const std::string trash = run.dir.substr(0, slash + 1) + ".rm-" + run.dir.substr(slash + 1);
    if (::rename(run.dir.c_str(), trash.c_str()) != 0) return SysFailure("rename", run.dir);
    TRY(RemoveTree(trash));
  }
  auto index = store::IndexDb::Open(run.storage);
  if (index.ok()) (void)(*index)->Remove(run.id);  // List repairs what this misses.
  return {};
}

Result<std::string> StageOutput(const RunRef& run, const std::string& stage_id,
                                std::string_view stream) {
  auto events = TRY(store::OpenRunDb(run.dir, true));
  for (std::uint64_t after = 0;;) {
    const std::vector<model::Event> page = TRY(events->Read(after, kPage));
    if (page.empty()) break;
    for (const model::Event& event : page) {
      if (event.name != "stage.started" || event.stage_id != stage_id) continue;
      const auto index = static_cast<std::uint64_t>(event.properties.IntAt("index"));
      const std::string path = run.dir + "/" + StageDirName(index, stage_id) + "/" +
                               (stream == "stderr" ? "stderr.log" : "stdout.log");
      auto text = ReadFile(path, kMaxOutput);
      if (!text.ok() && text.error().sys_errno == ENOENT) return std::string();
      return text;
    }
    after = page.back().seq;
  }
  return Failure(Code::kNotFound, "run " + run.id.value() + " has no stage " + stage_id,
                 "stage_not_found");
}

}  // namespace fabro::runs
