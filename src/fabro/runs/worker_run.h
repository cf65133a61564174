// One worker's work on one run, from the open store to the last event. Internal to the room;
// worker.cc holds the lock and the signals around it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "fabro/runs/control_socket.h"
#include "fabro/runs/harvest.h"
#include "fabro/runs/projections.h"
#include "fabro/runs/stage_files.h"
#include "fabro/runs/worker.h"
#include "fabro/store/blob_store.h"
#include "fabro/store/event_store.h"
#include "fabro/store/inbox.h"
#include "fabro/workflow/engine/control.h"
#include "fabro/workflow/engine/engine.h"
#include "fabro/workflow/engine/event_log.h"

namespace fabro::runs {

// Names the descriptor on which a worker tells its starter that it is ready.
inline constexpr const char* kReadyVariable = "FABRO_WORKER_READY_FD";

class WorkerRun {
 public:
  // Reads the run and begins to listen. kFailedPrecondition "run_finished" when there is nothing
  // left to do.
  static Result<std::unique_ptr<WorkerRun>> Open(const std::string& run_dir,
                                                 const Machinery& machinery, int signal_fd);
  ~WorkerRun();

  // An Error is ours (the store cannot be written): the run stays as it is, resumable.
  Status Run();

 private:
  WorkerRun(std::string run_dir, RunSpec spec, const Machinery& machinery,
            std::unique_ptr<store::EventStore> events, workflow::RunState state,
            std::unique_ptr<workflow::Control> control);

  Status Replay();
  Status Listen(int signal_fd);
  model::Json Answer(const model::Json& request);
  void OnSignal(int signal_fd);
  Status LookIntoInbox();
  void TakeAnswer(const store::InboxItem& item);

  // The phases, in their order. A RunEnd ends the run before its first stage.
  Status Announce();
  Result<std::optional<workflow::RunEnd>> PrepareWorkflow();
  Result<std::optional<workflow::RunEnd>> OpenSandbox();
  Result<std::optional<workflow::RunEnd>> BeginCheckpoints();
  Result<std::optional<workflow::RunEnd>> RunPrepareSteps();
  Status MakeHandlers();
  Result<workflow::RunEnd> RunStages();
  Result<workflow::RunEnd> Walk();

  Status End(const workflow::RunEnd& end);
  Status Paused(const workflow::RunEnd& end);
  Status SaveResult();
  Status Terminal(const workflow::RunEnd& end);
  Status CleanUp();
  void KnowArtifacts(const model::Event& event);
  Status AfterEvent(const model::Event& event);
  void UpdateIndex();
  SandboxRequest Request(bool reattach) const;

  std::string run_dir_;
  std::string storage_;
  RunSpec spec_;
  const Machinery& machinery_;
  std::unique_ptr<store::EventStore> events_;
  workflow::RunState state_;
  std::unique_ptr<workflow::Control> control_;
  store::BlobStore blobs_;
  store::Inbox inbox_;
  StageFiles files_;
  Projections projections_;
  workflow::EventLog log_;
  std::vector<model::Event> completed_;  // Stages whose artifacts are to be collected.
  std::set<std::string> captured_;       // Of their artifacts, those whose events are on disk.

  workflow::Interviews interviews_;
  std::mutex inbox_mutex_;
  std::set<std::string> seen_items_;  // Guarded by inbox_mutex_, as are the five below.
  std::vector<std::string> cancel_items_;
  std::vector<std::string> budget_items_;
  std::string cancelled_by_;
  model::Json new_budget_;  // {wall_ms, tokens, cost_usd}; null: none.
  std::atomic<int> signals_ = 0;

  workflow::Graph graph_;
  workflow::ChildWorkflows children_;
  std::optional<Workplace> workplace_;
  std::string base_sha_;
  bool resumed_ = false;
  bool keep_sandbox_ = false;  // Its workspace is the only copy of the result.
  std::uint64_t artifacts_ = 0;
  std::unique_ptr<ArtifactCollector> collector_;
  std::unique_ptr<agent::Agents> agents_;
  std::unique_ptr<workflow::Handler> agent_handler_;
  std::unique_ptr<workflow::Handler> prompt_handler_;
  workflow::HandlerTable handlers_;
  std::unique_ptr<ControlSocket> socket_;  // Last: its thread uses the others.
};

}  // namespace fabro::runs
