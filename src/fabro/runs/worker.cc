#include "fabro/runs/worker.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "fabro/linux/file.h"
#include "fabro/linux/process.h"
#include "fabro/runs/paths.h"
#include "fabro/runs/runs.h"
#include "fabro/runs/worker_run.h"
#include "fabro/store/event_store.h"
#include "fabro/store/run_lock.h"

namespace fabro::runs {
namespace {

// Where the SIGTERM handler writes; an eventfd. Signal handlers have nothing but globals.
volatile std::sig_atomic_t g_signal_fd = -1;

void OnSigterm(int) {
  const int saved = errno;
  const std::uint64_t one = 1;
  (void)!::write(g_signal_fd, &one, sizeof one);
  errno = saved;
}

void OnIgnored(int) {}

// Handlers and not SIG_IGN or a mask: those would be inherited by every command of a sandbox.
Result<UniqueFd> TakeSignals() {
  UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) return SysFailure("eventfd");
  g_signal_fd = fd.get();
  struct sigaction action{};
  action.sa_flags = SA_RESTART;
  action.sa_handler = OnSigterm;
  if (::sigaction(SIGTERM, &action, nullptr) != 0) return SysFailure("sigaction", "SIGTERM");
  action.sa_handler = OnIgnored;
  for (const int signal : {SIGHUP, SIGPIPE, SIGINT}) {
    if (::sigaction(signal, &action, nullptr) != 0) return SysFailure("sigaction");
  }
  return fd;
}

// The pipe to the starter, when there is one (start.cc).
class ReadyPipe {
 public:
  ReadyPipe() {
    const char* number = std::getenv(kReadyVariable);
    if (number == nullptr) return;
    fd_.reset(std::atoi(number));
    (void)::fcntl(fd_.get(), F_SETFD, FD_CLOEXEC);
    ::unsetenv(kReadyVariable);
  }
  void Ready() { Say("ready\n"); }
  void Refuse(const Error& error) { Say(error.reason + "\t" + error.message + "\n"); }

 private:
  void Say(const std::string& text) {
    if (fd_) (void)WriteFd(fd_.get(), text);  // A starter that left does not want to know.
    fd_.reset();
  }
  UniqueFd fd_;
};

Status Work(const std::string& run_dir, const Machinery& machinery, ReadyPipe& ready) {
  const UniqueFd signals = TRY(TakeSignals());
  const store::RunLock lock = TRY(store::RunLock::Acquire(run_dir));
  auto run = TRY(WorkerRun::Open(run_dir, machinery, signals.get()));
  ready.Ready();
  Status done = run->Run();
  g_signal_fd = -1;  // Its number may be somebody else's from here on.
  return done;
}

}  // namespace

int WorkerMain(const std::string& run_dir, const Machinery& machinery) {
  ReadyPipe ready;
  const Status worked = Work(run_dir, machinery, ready);
  if (worked.ok()) return 0;
  ready.Refuse(worked.error());
  (void)std::fprintf(stderr, "worker of %s: %s\n", run_dir.c_str(),
                     worked.error().ToString().c_str());
  return 1;
}

Result<std::vector<Orphan>> SweepOrphans(const std::string& storage, const Machinery& machinery) {
  const std::vector<RunSummary> runs = TRY(List(storage));
  std::vector<Orphan> orphans;
  for (const RunSummary& run : runs) {
    const bool unfinished = run.status == RunStatus::kStarting ||
                            run.status == RunStatus::kRunning ||
                            run.status == RunStatus::kBlocked || run.status == RunStatus::kDead;
    if (run.broken || run.live || !unfinished) continue;
    Orphan orphan{
        .id = run.ref.id, .dir = run.ref.dir, .dead = run.status == RunStatus::kDead, .error = {}};
    // Under its lock, so that no resume begins while its leftovers are killed.
    const auto lock = store::RunLock::Acquire(run.ref.dir);
    if (!lock.ok()) continue;
    auto spec = Spec(run.ref);
    if (!spec.ok()) {
      orphan.error = spec.error().ToString();
    } else if (machinery.kill_leftovers && !spec->dry_run) {
      const auto killed = machinery.kill_leftovers(
          {.spec = *spec, .storage = storage, .run_dir = run.ref.dir, .reattach = true});
      if (!killed.ok()) orphan.error = killed.error().ToString();
    }
    orphans.push_back(std::move(orphan));
  }
  return orphans;
}

}  // namespace fabro::runs
