#include "following.h"

#include <pwd.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "asking.h"
#include "drawing.h"
#include "fabro/linux/unique_fd.h"
#include "progress.h"

namespace fabro::cli {
namespace {

// One descriptor that is readable on a signal that ends us, when the picture wants its next frame,
// or when somebody types.
class Wakeups {
 public:
  static fabro::Result<Wakeups> Make(bool ticking) {
    Wakeups made;
    sigset_t interrupt;
    (void)::sigemptyset(&interrupt);
    // Not left to their default: the terminal must be as it was.
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) (void)::sigaddset(&interrupt, signal);
    if (::sigprocmask(SIG_BLOCK, &interrupt, nullptr) != 0) return SysFailure("sigprocmask");
    made.signals_ = UniqueFd(::signalfd(-1, &interrupt, SFD_CLOEXEC | SFD_NONBLOCK));
    made.all_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
    if (!made.signals_ || !made.all_) return SysFailure("signalfd");
    TRY(made.Watch(made.signals_.get()));
    if (ticking) {
      made.timer_ = UniqueFd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
      constexpr long kFrameNs = 120'000'000;
      const itimerspec every{{0, kFrameNs}, {0, kFrameNs}};
      if (!made.timer_ || ::timerfd_settime(made.timer_.get(), 0, &every, nullptr) != 0) {
        return SysFailure("timerfd");
      }
      TRY(made.Watch(made.timer_.get()));
    }
    return made;
  }

  int fd() const { return all_.get(); }

  // stdin among what wakes us, or not; a file that epoll cannot watch is left to the ticks.
  void WatchInput(bool wanted) {
    if (wanted == input_) return;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = STDIN_FILENO;
    (void)::epoll_ctl(all_.get(), wanted ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, STDIN_FILENO, &event);
    input_ = wanted;
  }

  // The signal that was among what woke us; 0: none.
  int Drain() {
    std::uint64_t ticks = 0;
    if (timer_) (void)!::read(timer_.get(), &ticks, sizeof ticks);
    signalfd_siginfo info{};
    int signal = 0;
    while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
      // One that ends the command wins over one that may only cancel the run.
      if (signal == 0 || signal == SIGINT) signal = static_cast<int>(info.ssi_signo);
    }
    return signal;
  }

 private:
  Status Watch(int fd) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (::epoll_ctl(all_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return SysFailure("epoll_ctl");
    return {};
  }

  UniqueFd signals_;
  UniqueFd timer_;
  UniqueFd all_;
  bool input_ = false;
};

// Gives true when the run is to be followed on, false to leave.
bool Interrupted(const runs::RunRef& run, OnInterrupt on_interrupt, bool first, Console& console) {
  const std::string id = run.id.value();
  if (!first || on_interrupt == OnInterrupt::kDetach) {
    console.Say(first ? "left; the run goes on: fabro attach " + id + ", fabro cancel " + id
                      : "left while the run is being cancelled: fabro attach " + id);
    return false;
  }
  console.Say("cancelling; once more leaves at once");
  const Status cancelled = runs::Cancel(run, "SIGINT");
  if (!cancelled.ok() && cancelled.error().reason != "run_finished") {
    (void)console.Fail(cancelled.error());
  }
  return true;
}

}  // namespace

int FollowToEnd(const runs::RunRef& run, std::uint64_t after, OnInterrupt on_interrupt,
                Console& console) {
  Progress progress(console);
  Asker asker(run, on_interrupt == OnInterrupt::kCancelRun, console, progress);
  fabro::Result<Wakeups> wakeups =
      Wakeups::Make(console.live() || asker.mode() != Asker::Mode::kNone);
  if (!wakeups.ok()) return console.Fail(wakeups.error());
  bool first_interrupt = true;
  while (true) {
    const fabro::Result<runs::FollowEnd> end =
        runs::Follow(run, after, wakeups->fd(), [&](const model::Event& event) {
          after = event.seq;
          progress.Show(event);
          asker.See(event);
          return true;
        });
    if (!end.ok()) {
      progress.Clear();
      return console.Fail(end.error());
    }
    if (*end != runs::FollowEnd::kStopped) break;
    const int signal = wakeups->Drain();
    if (signal == 0) {
      asker.Turn();
      wakeups->WatchInput(asker.wants_keys());
      progress.Tick();
      continue;
    }
    asker.Leave();
    progress.Clear();
    constexpr int kBySignal = 128;
    if (signal != SIGINT) return kBySignal + signal;
    if (!Interrupted(run, on_interrupt, first_interrupt, console)) return kInterrupted;
    first_interrupt = false;
  }
  asker.Leave();
  progress.Clear();
  const fabro::Result<runs::RunSummary> summary = runs::Inspect(run);
  if (!summary.ok()) return console.Fail(summary.error());
  DrawRun(run, console);
  if (console.json()) {
    console.Result(SummaryJson(*summary).Dump());
  } else {
    Summarize(*summary, console);
  }
  return runs::ExitCodeOf(*summary);
}

model::Json SummaryJson(const runs::RunSummary& run) {
  model::Json json = model::Json::MakeObject();
  json.Set("run_id", run.ref.id.value()).Set("workflow", run.workflow);
  json.Set("environment", run.environment).Set("status", runs::ToString(run.status));
  json.SetIfAny("detail", run.detail).SetIfAny("error", run.error);
  json.Set("created_at", run.created_at).Set("updated_at", run.updated_at);
  json.Set("duration_ms", run.duration_ms).Set("directory", run.ref.dir);
  json.SetIfAny("run_branch", run.run_branch).SetIfAny("final_git_commit_sha", run.final_commit);
  json.SetIfAny("kept_workspace", run.kept_workspace);
  json.SetIfAny("result", run.result).Set("artifacts", model::Json::Strings(run.artifacts));
  json.Set("archived", run.archived).SetIfAny("superseded_by", run.superseded_by);
  json.Set("last_seq", run.last_seq).Set("live", run.live).Set("broken", run.broken);
  model::Json stages = model::Json::MakeArray();
  for (const runs::StageSummary& stage : run.stages) {
    model::Json one = model::Json::MakeObject();
    one.Set("stage_id", stage.stage_id).Set("node_id", stage.node_id).Set("status", stage.status);
    one.SetIfAny("error", stage.error).Set("attempts", stage.attempts);
    one.Set("duration_ms", stage.duration_ms).Set("rerun", stage.rerun);
    stages.Push(std::move(one));
  }
  json.Set("stages", std::move(stages));
  return json;
}

fabro::Result<std::string> StorageDir(const GlobalOptions& global) {
  if (!global.storage_dir.empty()) return global.storage_dir;
  const char* configured = std::getenv("FABRO_STORAGE_DIR");
  if (configured != nullptr && *configured != '\0') return std::string(configured);
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home != '/') {
    const passwd* user = ::getpwuid(::getuid());
    home = user != nullptr ? user->pw_dir : nullptr;
  }
  if (home == nullptr || *home != '/') {
    return Failure(Code::kFailedPrecondition, "there is no home directory to keep runs in",
                   "no_home", "give --storage-dir DIR or set FABRO_STORAGE_DIR");
  }
  return std::string(home) + "/.fabro/storage";
}

}  // namespace fabro::cli
