// The worker: the one process that works on a run. It holds the run's lock, appends its events,
// writes the projections behind them, and listens on `<run_dir>/runtime/control.sock` (0600, in a
// 0700 directory; peers of another uid are refused) for cancel, pause and status.
//
// It ignores SIGHUP. SIGTERM pauses at the next commit point; a second one cancels what runs.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fabro/agent/agent.h"
#include "fabro/base/result.h"
#include "fabro/provider/provider.h"
#include "fabro/runs/run_spec.h"
#include "fabro/store/event_store.h"
#include "fabro/workflow/checkpoint/checkpointer.h"
#include "fabro/workflow/engine/retry.h"

namespace fabro::runs {

struct SandboxRequest {
  const RunSpec& spec;
  std::string storage;  // <storage>/sandboxes is the providers'.
  std::string run_dir;
  bool reattach = false;  // A resume: the sandbox may still exist.
};

// What a run works in. Made by Machinery; Initialize was not called yet.
struct Workplace {
  std::unique_ptr<provider::Sandbox> sandbox;
  std::unique_ptr<workflow::Checkpointer> checkpointer;  // Null: no git checkpoints.
  // True when the workspace is the user's own directory, which nothing is saved from or discarded.
  bool workspace_is_users = false;
};

// What a main lists by hand: the concrete providers.
struct Machinery {
  std::function<Result<Workplace>(const SandboxRequest&)> open;
  // Kills what a dead worker of this run left running; the workspace stays. Gives what it did, one
  // line each. Before every resume.
  std::function<Result<std::vector<std::string>>(const SandboxRequest&)> kill_leftovers;
  // The models and agents of a run; null: its agent and prompt nodes are refused.
  std::function<Result<std::unique_ptr<agent::Agents>>(const RunSpec&)> agents{};
  // Stands between the worker and its store; null: nothing does. For tests that stop a worker at an
  // event of their choice.
  std::function<std::unique_ptr<store::EventStore>(std::unique_ptr<store::EventStore>)>
      wrap_events{};
  // Waits between attempts and for timers; null: the real one.
  workflow::Sleeper* sleeper = nullptr;
};

// The whole life of a worker over the run in `run_dir`, started or resumed. Returns the process's
// exit code: 0 when the run reached an end or a pause and said so in its events, else 1, with the
// reason on stderr (which is runtime/server.log).
int WorkerMain(const std::string& run_dir, const Machinery& machinery);

// What a program does at its start (sandboxes specification 8.5): the started runs without worker
// and without end. Their leftovers are killed; whoever asks then decides to resume.
struct Orphan {
  RunId id;
  std::string dir;
  bool dead = false;  // Three resumes in a row brought nothing.
  std::string error;  // Why it could not be looked after, or empty.
};
Result<std::vector<Orphan>> SweepOrphans(const std::string& storage, const Machinery& machinery);

}  // namespace fabro::runs
