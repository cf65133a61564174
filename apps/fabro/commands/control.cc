// `fabro attach`, `resume`, `cancel`, `wait`, `rm`: runs that exist.
#include <chrono>

#include "../following.h"
#include "../machinery.h"
#include "../progress.h"
#include "commands.h"
#include "fabro/runs/upkeep.h"
#include "shared.h"

namespace fabro::cli {

fabro::Result<runs::RunRef> FindRun(const GlobalOptions& global, const std::string& which) {
  const std::string storage = TRY(StorageDir(global));
  return runs::Find(storage, which);
}

Status RemoveRun(const runs::RunRef& run, bool force) {
  const runs::RunSummary summary = TRY(runs::Inspect(run));
  if (summary.live && !force) {
    return Failure(Code::kFailedPrecondition, "run " + run.id.value() + " is active", "run_active",
                   "fabro cancel " + run.id.value() + ", or rm --force");
  }
  if (summary.live) {
    TRY(runs::Cancel(run, "rm --force"));
    TRY(runs::Wait(run, std::chrono::steady_clock::now() + std::chrono::seconds(30)));
  }
  if (!summary.broken) {
    TRY(DestroySandbox(run));
    TRY(runs::RemoveWorktree(run));
  }
  return runs::Remove(run, force);
}

int Run(const AttachOptions& options, const GlobalOptions& global, Console& console) {
  const fabro::Result<runs::RunRef> run = FindRun(global, options.run);
  if (!run.ok()) return console.Fail(run.error());
  return FollowToEnd(*run, 0, OnInterrupt::kDetach, console);
}

int Run(const ResumeOptions& options, const GlobalOptions& global, Console& console) {
  const fabro::Result<runs::RunRef> run = FindRun(global, options.run);
  if (!run.ok()) return console.Fail(run.error());
  const fabro::Result<runs::RunSummary> before = runs::Inspect(*run);
  if (!before.ok()) return console.Fail(before.error());
  const Status started = runs::Resume(*run, SelfAsWorker());
  if (!started.ok()) {
    const Error& error = started.error();
    if (error.reason == "run_finished") return console.Fail(error) == kOk ? kOk : kFailed;
    return console.Fail(error);
  }
  if (options.detach) {
    console.Result(run->id.value());
    return kOk;
  }
  return FollowToEnd(*run, before->last_seq, OnInterrupt::kCancelRun, console);
}

int Run(const StartOptions& options, const GlobalOptions& global, Console& console) {
  const fabro::Result<runs::RunRef> run = FindRun(global, options.run);
  if (!run.ok()) return console.Fail(run.error());
  const Status started = runs::Start(*run, SelfAsWorker());
  if (!started.ok()) return console.Fail(started.error());
  console.Result(run->id.value());
  console.Say("follow it: fabro attach " + run->id.value());
  return kOk;
}

int Run(const PauseOptions& options, const GlobalOptions& global, Console& console) {
  const fabro::Result<runs::RunRef> run = FindRun(global, options.run);
  if (!run.ok()) return console.Fail(run.error());
  const fabro::Result<runs::RunSummary> summary = runs::Inspect(*run);
  if (!summary.ok()) return console.Fail(summary.error());
  const std::string id = run->id.value();
  if (summary->status == runs::RunStatus::kPaused) {
    console.Say("run " + id + " is paused");
    return kOk;
  }
  if (!summary->live) {
    return console.Fail(
        Failure(Code::kFailedPrecondition,
                "run " + id + " is not running: " + std::string(runs::ToString(summary->status)),
                "run_not_running", "fabro resume " + id));
  }
  const Status paused = runs::Pause(*run);
  if (!paused.ok()) return console.Fail(paused.error());
  console.Say("pausing " + id + " after the stage that runs; go on: fabro unpause " + id);
  return kOk;
}

int Run(const UnpauseOptions& options, const GlobalOptions& global, Console& console) {
  const fabro::Result<runs::RunRef> run = FindRun(global, options.run);
  if (!run.ok()) return console.Fail(run.error());
  const fabro::Result<runs::RunSummary> summary = runs::Inspect(*run);
  if (!summary.ok()) return console.Fail(summary.error());
  const std::string id = run->id.value();
  if (summary->status != runs::RunStatus::kPaused) {
    return console.Fail(
        Failure(Code::kFailedPrecondition,
                "run " + id + " is not paused: " + std::string(runs::ToString(summary->status)),
                "run_not_paused", summary->live ? "fabro attach " + id : "fabro resume " + id));
  }
  const Status resumed = runs::Resume(*run, SelfAsWorker());
  if (!resumed.ok()) return console.Fail(resumed.error());
  console.Result(id);
  return kOk;
}

int Run(const CancelOptions& options, const GlobalOptions& global, Console& console) {
  const fabro::Result<runs::RunRef> run = FindRun(global, options.run);
  if (!run.ok()) return console.Fail(run.error());
  const Status cancelled = runs::Cancel(*run, "fabro cancel");
  if (!cancelled.ok()) return console.Fail(cancelled.error());
  console.Say("cancelling " + run->id.value());
  return kOk;
}

int Run(const WaitOptions& options, const GlobalOptions& global, Console& console) {
  const fabro::Result<runs::RunRef> run = FindRun(global, options.run);
  if (!run.ok()) return console.Fail(run.error());
  const Deadline deadline = options.timeout_seconds
                                ? Deadline(std::chrono::steady_clock::now() +
                                           std::chrono::seconds(*options.timeout_seconds))
                                : std::nullopt;
  const fabro::Result<runs::RunSummary> end = runs::Wait(*run, deadline);
  if (!end.ok()) {
    const int code = console.Fail(end.error());
    return end.error().reason == "wait_timeout" ? kTimeout : code;
  }
  if (console.json()) console.Result(SummaryJson(*end).Dump());
  return runs::ExitCodeOf(*end);
}

int Run(const RmOptions& options, const GlobalOptions& global, Console& console) {
  int code = kOk;
  for (const std::string& which : options.runs) {
    const fabro::Result<runs::RunRef> run = FindRun(global, which);
    const Status removed = run.ok() ? RemoveRun(*run, options.force) : Status(run.error());
    if (removed.ok()) {
      console.Result(run->id.value());
    } else {
      code = console.Fail(removed.error());
    }
  }
  return code;
}

}  // namespace fabro::cli
