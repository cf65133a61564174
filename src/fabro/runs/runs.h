// Runs as their users see them: create, start, follow, cancel, resume, list, remove. What the CLI
// and the server call. Each run is worked on by one worker process (worker.h); everything here is a
// client of it, through the run's directory and control socket.
//
// `RunRef` is what Find gives; nothing here keeps a run open. Blocking; thread-safe.
// Spec: run, sections 4 and 7; DESIGN: "One worker process per run".
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/linux/poll.h"
#include "fabro/model/event.h"
#include "fabro/runs/run_spec.h"

namespace fabro::runs {

// Run specification 4.1. `dead`: engine gone, and three resumes in a row brought nothing.
enum class RunStatus {
  kSubmitted,
  kStarting,
  kRunning,
  kBlocked,
  kPaused,
  kSucceeded,
  kFailed,
  kDead,
};
std::string_view ToString(RunStatus status);
bool IsTerminal(RunStatus status);  // Succeeded, failed.

struct RunRef {
  RunId id;
  std::string storage;  // The storage directory.
  std::string dir;      // `<storage>/scratch/20260307-01J…`.
};

// A stage as the events tell it.
struct StageSummary {
  std::string stage_id;  // "build@2".
  std::string node_id;
  std::string label;
  std::string status;  // "running", "retrying", "succeeded", "failed", …
  std::string error;
  std::uint32_t attempts = 1;
  std::int64_t duration_ms = 0;
  bool rerun = false;
};

struct RunSummary {
  RunRef ref;
  std::string workflow;
  std::string environment;
  RunStatus status = RunStatus::kSubmitted;
  std::string detail;  // "partially_succeeded", or the reason of a failure or pause ("cancelled").
  std::string error;   // The failure's text.
  std::string created_at;  // RFC 3339.
  std::string updated_at;
  std::int64_t duration_ms = 0;
  std::vector<StageSummary> stages;
  std::string run_branch;  // "fabro/run/<id>", when it holds the result.
  std::string final_commit;
  std::string result;                       // Path of result.tar.zst, or empty.
  std::string kept_workspace;               // Of a preserved sandbox, on this machine; or empty.
  std::vector<std::string> artifacts;       // Below `<dir>/artifacts`.
  std::vector<std::string> open_questions;  // Ids; kBlocked while there are any (questions.h).
  std::uint64_t last_seq = 0;
  bool archived = false;      // Put away: lists leave it out.
  std::string superseded_by;  // Of a run that was rewound: the run that replaces it.
  bool live = false;          // A worker holds its lock.
  bool broken = false;        // The store cannot be read; `error` says why, the rest is empty.
};

// --- Finding -------------------------------------------------------------------------------------

// Full id, unique prefix, or name of a workflow (its latest run). kNotFound "run_not_found",
// kInvalidArgument "run_ambiguous" (the message lists the candidates).
Result<RunRef> Find(const std::string& storage, std::string_view which);

// All runs, newest first; a broken one is in the list and says so. Repairs index.db by the way.
Result<std::vector<RunSummary>> List(const std::string& storage);
Result<RunSummary> Inspect(const RunRef& run);
Result<RunSpec> Spec(const RunRef& run);

// --- Making and starting -------------------------------------------------------------------------

// Makes the directory, the bundle and the store with `run.created`; nothing runs. `spec.id` and
// `created_at` are given here. The run is whole or not there: its directory appears by rename.
Result<RunRef> Create(const std::string& storage, RunSpec spec);

// How a worker is started: this program, executed again with `arguments` and the run's directory.
struct WorkerCommand {
  std::string program = "/proc/self/exe";
  std::vector<std::string> arguments;  // {"__worker"}: the hidden subcommand.
};

// Starts the worker in a session of its own, stdio to `runtime/server.log`, and returns when it
// holds the run's lock, or with what it said when it failed before. kFailedPrecondition
// "run_locked" when somebody works on the run, "run_started" when it was started before (Resume is
// what continues it).
Status Start(const RunRef& run, const WorkerCommand& worker);

// The same for a run that was started and has no live worker. "run_finished" when it succeeded.
// `wall_budget` raises the limit of a run that paused at it.
Status Resume(const RunRef& run, const WorkerCommand& worker,
              std::optional<Nanos> wall_budget = std::nullopt);

// --- Following and control -----------------------------------------------------------------------

enum class FollowEnd {
  kFinished,    // The last event of a finished run was given.
  kWorkerGone,  // The worker ended (paused, killed) and everything it stored was given.
  kStopped,     // `cancel_fd`, or `each` returned false.
};
// Gives the events after `after`, then each new one as it is stored, until the run's worker is
// gone.
Result<FollowEnd> Follow(const RunRef& run, std::uint64_t after, int cancel_fd,
                         const std::function<bool(const model::Event&)>& each);

// Cancels: through the worker, which acknowledges once it has the order; without a live worker the
// run is ended here, under its lock. A finished run is kFailedPrecondition "run_finished".
Status Cancel(const RunRef& run, const std::string& by);

// Asks the worker to pause at the next commit point and end, resumable (as SIGTERM does).
Status Pause(const RunRef& run);

// Blocks until the run is finished, paused or dead, or its worker is gone. kDeadlineExceeded
// "wait_timeout".
Result<RunSummary> Wait(const RunRef& run, Deadline deadline, int cancel_fd = -1);

// Removes the run's directory and row. A live one needs `force`, and is cancelled and waited for
// first. The sandbox must be gone before: call the provider's janitor.
Status Remove(const RunRef& run, bool force);

// The text of a stage's output so far: `stream` is "stdout" or "stderr".
Result<std::string> StageOutput(const RunRef& run, const std::string& stage_id,
                                std::string_view stream);

// Exit code of a command that follows a run to its end (run specification 7.0): 0, 1 or 3.
int ExitCodeOf(const RunSummary& run);

}  // namespace fabro::runs
