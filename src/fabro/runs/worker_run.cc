#include "fabro/runs/worker_run.h"

#include <unistd.h>

#include <chrono>
#include <utility>

#include "fabro/base/clock.h"
#include "fabro/linux/file.h"
#include "fabro/runs/paths.h"
#include "fabro/runs/runs.h"
#include "fabro/store/index_db.h"
#include "fabro/workflow/handlers/model_stage.h"
#include "fabro/workflow/handlers/table.h"
#include "fabro/workflow/validate/prepare.h"

namespace fabro::runs {
namespace {

using model::Json;
using workflow::RunEnd;

constexpr std::size_t kPage = 512;

RunEnd FailedEnd(std::string message, std::string reason) {
  return {.kind = RunEnd::Kind::kFailed,
          .partially = false,
          .reason = std::move(reason),
          .message = std::move(message)};
}

templates::Value ToValue(const Json& json) {  // NOLINT(misc-no-recursion): depth is codec's limit.
  if (const bool* flag = json.Bool()) return *flag;
  if (const std::int64_t* number = json.Int()) return *number;
  if (const double* real = json.Double()) return *real;
  if (const Json::Array* items = json.Items()) {
    templates::List list;
    for (const Json& item : *items) list.push_back(ToValue(item));
    return list;
  }
  if (const Json::Object* members = json.Members()) {
    templates::Map map;
    for (const auto& [key, value] : *members) map.Set(key, ToValue(value));
    return map;
  }
  return json.ToText();
}

}  // namespace

WorkerRun::WorkerRun(std::string run_dir, RunSpec spec, const Machinery& machinery,
                     std::unique_ptr<store::EventStore> events, workflow::RunState state,
                     std::unique_ptr<workflow::Control> control)
    : run_dir_(std::move(run_dir)),
      storage_(StorageOf(run_dir_)),
      spec_(std::move(spec)),
      machinery_(machinery),
      events_(std::move(events)),
      state_(std::move(state)),
      control_(std::move(control)),
      blobs_(storage_),
      inbox_(run_dir_),
      files_(run_dir_),
      projections_(run_dir_, spec_),
      log_(*events_, state_, spec_.id, RealClock(), [this](const model::Event& event) {
        projections_.Write(event);
        if (event.name == "stage.completed") completed_.push_back(event);
      }) {}

WorkerRun::~WorkerRun() = default;

Result<std::unique_ptr<WorkerRun>> WorkerRun::Open(const std::string& run_dir,
                                                   const Machinery& machinery, int signal_fd) {
  const std::string bundle = TRY(ReadFile(BundlePath(run_dir), 256_MiB));
  RunSpec spec = TRY(DecodeSpec(bundle));
  auto events = TRY(store::OpenRunDb(run_dir, false));
  if (machinery.wrap_events) events = machinery.wrap_events(std::move(events));
  workflow::RunState state = TRY(workflow::Replay(*events));
  if (state.ended && state.succeeded) {
    return Failure(Code::kFailedPrecondition, "run " + spec.id.value() + " has succeeded",
                   "run_finished");
  }
  auto control = TRY(workflow::Control::Make());
  std::unique_ptr<WorkerRun> run(new WorkerRun(run_dir, std::move(spec), machinery,
                                               std::move(events), std::move(state),
                                               std::move(control)));
  TRY(run->Replay());
  TRY(run->LookIntoInbox());
  TRY(run->Listen(signal_fd));
  return run;
}

Status WorkerRun::Replay() {
  for (std::uint64_t after = 0;;) {
    const std::vector<model::Event> page = TRY(events_->Read(after, kPage));
    if (page.empty()) return {};
    for (const model::Event& event : page) {
      projections_.Know(event);
      KnowArtifacts(event);
    }
    after = page.back().seq;
  }
}

// --- Control -------------------------------------------------------------------------------------

Status WorkerRun::Listen(int signal_fd) {
  socket_ = TRY(ControlSocket::Listen(
      ControlSocketPath(run_dir_), [this](const Json& request) { return Answer(request); },
      signal_fd, [this, signal_fd] { OnSignal(signal_fd); }));
  return {};
}

Json WorkerRun::Answer(const Json& request) {
  Json answer;
  const std::string op = request.StringAt("op");
  if (op == "look") {
    const Status looked = LookIntoInbox();
    answer.Set("ok", looked.ok());
    if (!looked.ok()) answer.Set("error", looked.error().ToString());
  } else if (op == "pause") {
    control_->Pause();
    answer.Set("ok", true);
  } else if (op == "steer") {
    const std::lock_guard lock(inbox_mutex_);
    const bool reached =
        agents_ && agents_->Steer(request.StringAt("node"), request.StringAt("text"));
    answer.Set("ok", reached);
    if (!reached) answer.Set("error", "no agent is at work there");
  } else if (op == "status") {
    answer.Set("ok", true).Set("run_id", spec_.id.value());
    answer.Set("pid", static_cast<std::int64_t>(::getpid()));
  } else {
    answer.Set("ok", false).Set("error", "unknown op");
  }
  return answer;
}

// The first SIGTERM pauses at the next commit point, the second one does not wait for it.
void WorkerRun::OnSignal(int signal_fd) {
  std::uint64_t count = 0;
  if (::read(signal_fd, &count, sizeof count) != sizeof count) return;
  const int seen = signals_.fetch_add(static_cast<int>(count));
  control_->Pause();
  if (seen + static_cast<int>(count) > 1) {
    control_->Cancel(workflow::CancelReason::kTerminated);
  }
}

// --- Phases --------------------------------------------------------------------------------------

SandboxRequest WorkerRun::Request(bool reattach) const {
  return {.spec = spec_, .storage = storage_, .run_dir = run_dir_, .reattach = reattach};
}

Status WorkerRun::Run() {
  TRY(Announce());
  UpdateIndex();
  Result<RunEnd> end = Walk();
  if (!end.ok()) {
    // The store may be full: stop what runs, and leave everything for a resume.
    if (workplace_ && workplace_->sandbox) (void)workplace_->sandbox->Stop();
    return std::move(end).error();
  }
  TRY(End(*end));
  UpdateIndex();
  return {};
}

Result<RunEnd> WorkerRun::Walk() {
  using Phase = Result<std::optional<RunEnd>> (WorkerRun::*)();
  for (const Phase phase : {&WorkerRun::PrepareWorkflow, &WorkerRun::OpenSandbox,
                            &WorkerRun::BeginCheckpoints, &WorkerRun::RunPrepareSteps}) {
    std::optional<RunEnd> end = TRY((this->*phase)());
    if (end) return *std::move(end);
  }
  return RunStages();
}

Status WorkerRun::Announce() {
  resumed_ = state_.started;
  if (!resumed_) {
    Json properties;
    properties.Set("name", spec_.workflow).SetIfAny("goal", spec_.goal);
    return log_.Emit("run.started", std::move(properties));
  }
  Json properties;
  properties.Set("from_seq", state_.last_seq);
  Json interrupted = Json::MakeArray();
  if (state_.phase == workflow::Phase::kInFlight) {
    interrupted.Push(state_.stage_id);
  }
  properties.Set("interrupted", std::move(interrupted));
  std::vector<std::string> budgets;
  {
    const std::lock_guard lock(inbox_mutex_);
    budgets = budget_items_;
    if (!new_budget_.IsNull()) properties.Set("budget", new_budget_);
  }
  TRY(log_.Emit("run.resumed", std::move(properties)));
  for (const std::string& item : budgets) TRY(inbox_.Done(item));
  return {};
}

Result<std::optional<RunEnd>> WorkerRun::PrepareWorkflow() {
  workflow::PrepareOptions options;
  if (const Json::Object* inputs = spec_.inputs.Members()) {
    for (const auto& [key, value] : *inputs) options.inputs.Set(key, ToValue(value));
  }
  if (!spec_.goal.empty()) options.goal = spec_.goal;
  options.bundled = spec_.files;  // A resume reads nothing of the user's disk.
  workflow::Prepared prepared = workflow::PrepareGraph(spec_.graph_source, options);
  if (!prepared.ok()) {
    return std::optional(
        FailedEnd(workflow::FormatDiagnostic(spec_.workflow_path, prepared.diagnostics.front()),
                  "bootstrap_failed"));
  }
  graph_ = std::move(prepared.graph);
  children_ = std::move(prepared.children);
  return std::optional<RunEnd>();
}

Result<std::optional<RunEnd>> WorkerRun::OpenSandbox() {
  if (spec_.dry_run) return std::optional<RunEnd>();
  const auto began = RealClock().SteadyNow();
  if (resumed_ && machinery_.kill_leftovers) {
    auto killed = machinery_.kill_leftovers(Request(true));
    if (!killed.ok())
      return std::optional(FailedEnd(killed.error().ToString(), "sandbox_init_failed"));
    for (const std::string& line : *killed) TRY(log_.Notice("info", "leftovers", line));
  }
  Json provider;
  provider.Set("provider", spec_.environment);
  TRY(log_.Emit("sandbox.initializing", provider));
  auto opened = machinery_.open(Request(resumed_));
  Status ready = opened.ok() ? opened->sandbox->Initialize() : Status(opened.error());
  if (!ready.ok()) {
    Json failed = provider;
    failed.Set("error", ready.error().ToString());
    TRY(log_.Emit("sandbox.failed", std::move(failed)));
    return std::optional(FailedEnd(ready.error().ToString(), "sandbox_init_failed"));
  }
  workplace_ = *std::move(opened);
  const provider::SandboxInfo info = workplace_->sandbox->Info();
  Json properties;
  properties.Set("provider", info.provider);
  const auto span =
      std::chrono::duration_cast<std::chrono::milliseconds>(RealClock().SteadyNow() - began);
  properties.Set("duration_ms", static_cast<std::int64_t>(span.count()));
  properties.SetIfAny("sandbox_id", info.identifier);
  for (const auto& [key, value] : info.details) properties.Set(key, value);
  TRY(log_.Emit("sandbox.ready", std::move(properties)));
  Json initialized;
  initialized.Set("working_directory", info.working_directory).Set("provider", info.provider);
  initialized.SetIfAny("identifier", info.identifier).SetIfAny("reconnect", info.reconnect);
  TRY(log_.Emit("sandbox.initialized", std::move(initialized)));
  for (const provider::Notice& notice : info.notices) {
    TRY(log_.Notice("warn", notice.code, notice.message));
  }
  return std::optional<RunEnd>();
}

Result<std::optional<RunEnd>> WorkerRun::BeginCheckpoints() {
  if (!workplace_ || !workplace_->checkpointer) return std::optional<RunEnd>();
  const auto known = TRY(events_->Last("git.branch"));
  auto base = known ? workplace_->checkpointer->Continue(state_.git_commit_sha)
                    : workplace_->checkpointer->Begin();
  if (!base.ok()) {
    // Git is a record beside the run: without it the run goes on, and says so.
    TRY(log_.Notice("warn", "checkpoints_off", base.error().ToString()));
    workplace_->checkpointer.reset();
    return std::optional<RunEnd>();
  }
  base_sha_ = base->base_sha;
  for (const std::string& note : base->notes) TRY(log_.Notice("info", "checkpoints", note));
  if (!known) {
    Json properties;
    properties.Set("branch", base->branch).SetIfAny("sha", base->base_sha);
    TRY(log_.Emit("git.branch", std::move(properties)));
  }
  return std::optional<RunEnd>();
}

Result<std::optional<RunEnd>> WorkerRun::RunPrepareSteps() {
  const auto done = TRY(events_->Last("setup.completed"));
  if (spec_.prepare.empty() || spec_.dry_run || done) return std::optional<RunEnd>();
  const auto began = RealClock().SteadyNow();
  TRY(log_.Emit("setup.started", Json::MakeObject().Set("command_count", spec_.prepare.size())));
  for (std::size_t i = 0; i < spec_.prepare.size(); ++i) {
    const PrepareStep& step = spec_.prepare[i];
    provider::ExecRequest request;
    request.argv = step.command;
    if (!step.script.empty()) request.argv = {"sh", "-c", step.script};
    request.env = step.env;
    request.timeout = step.timeout;
    request.cancel_fd = control_->cancel_fd();
    request.exec_id = spec_.id.value() + "/setup." + std::to_string(i);
    std::string said;
    request.on_output = [&](provider::Stream, std::string_view bytes) -> Status {
      said.append(bytes);
      if (said.size() > 16384) said.erase(0, said.size() - 8192);
      return {};
    };
    std::string command = step.script;
    for (const std::string& word : step.command) command += (command.empty() ? "" : " ") + word;
    Json properties;
    properties.Set("command", command).Set("index", i);
    TRY(log_.Emit("setup.command.started", properties));
    auto result = workplace_->sandbox->Exec(request);
    const bool good = result.ok() && result->exit_code == 0;
    if (result.ok() && result->exit_code) properties.Set("exit_code", *result->exit_code);
    if (!good) {
      const std::string why = result.ok() ? said : result.error().ToString();
      properties.Set("stderr", why);
      TRY(log_.Emit("setup.failed", std::move(properties)));
      if (control_->cancelled() == workflow::CancelReason::kUser) {
        return std::optional(RunEnd{.kind = RunEnd::Kind::kCancelled,
                                    .partially = false,
                                    .reason = "cancelled",
                                    .message = "cancelled"});
      }
      return std::optional(FailedEnd("prepare step " + std::to_string(i + 1) + " failed: " + why,
                                     "bootstrap_failed"));
    }
    properties.Set("duration_ms", static_cast<std::int64_t>(result->duration.count()));
    TRY(log_.Emit("setup.command.completed", std::move(properties)));
  }
  const auto span =
      std::chrono::duration_cast<std::chrono::milliseconds>(RealClock().SteadyNow() - began);
  TRY(log_.Emit("setup.completed",
                Json::MakeObject().Set("duration_ms", static_cast<std::int64_t>(span.count()))));
  return std::optional<RunEnd>();
}

Status WorkerRun::MakeHandlers() {
  handlers_ = workflow::BuiltInHandlers();
  if (!machinery_.agents) return {};
  auto agents = TRY_IN("setting up the models", machinery_.agents(spec_));
  agent_handler_ = workflow::MakeAgentHandler(*agents, spec_.settings.BoolAt("may_ask"));
  prompt_handler_ = workflow::MakePromptHandler(*agents);
  handlers_[workflow::NodeKind::kAgent] = agent_handler_.get();
  handlers_[workflow::NodeKind::kPrompt] = prompt_handler_.get();
  const std::lock_guard lock(inbox_mutex_);
  agents_ = std::move(agents);
  return {};
}

Result<RunEnd> WorkerRun::RunStages() {
  const Status furnished = MakeHandlers();
  if (!furnished.ok()) return FailedEnd(furnished.error().ToString(), "bootstrap_failed");
  if (workplace_ && !spec_.artifacts_include.empty()) {
    collector_ = std::make_unique<ArtifactCollector>(*workplace_->sandbox, spec_.artifacts_include,
                                                     run_dir_);
    const Status begun = collector_->Begin();
    if (!begun.ok()) TRY(log_.Notice("warn", "artifacts", begun.error().ToString()));
  }
  std::optional<Nanos> wall = spec_.wall_budget;
  if (state_.wall_budget_ms > 0) wall = std::chrono::milliseconds(state_.wall_budget_ms);
  std::optional<std::int64_t> tokens = spec_.token_budget;
  if (state_.token_budget > 0) tokens = state_.token_budget;
  std::optional<double> cost = spec_.cost_budget;
  if (state_.cost_budget > 0) cost = state_.cost_budget;
  workflow::EngineConfig config{
      .run = spec_.id,
      .goal = std::string(graph_.attributes.Text("goal", spec_.goal)),
      .work_dir = workplace_ ? workplace_->sandbox->WorkingDirectory() : std::string(),
      .base_sha = base_sha_,
      .dry_run = spec_.dry_run,
      .auto_approve = spec_.auto_approve,
      .stall_timeout = spec_.stall_timeout,
      .wall_budget = wall,
      .token_budget = tokens,
      .cost_budget = cost,
      .fail_on_budget = spec_.fail_on_budget,
      .workspace_is_users = workplace_ && workplace_->workspace_is_users};
  config.before_checkpoint = [this]() -> Status {
    const std::vector<model::Event> stages = std::exchange(completed_, {});
    for (const model::Event& stage : stages) TRY(AfterEvent(stage));
    return {};
  };
  const workflow::EngineDeps deps{
      .blobs = blobs_,
      .sandbox = workplace_ ? workplace_->sandbox.get() : nullptr,
      .checkpointer = workplace_ ? workplace_->checkpointer.get() : nullptr,
      .handlers = handlers_,
      .output = files_,
      .control = *control_,
      .clock = RealClock(),
      .sleeper = machinery_.sleeper != nullptr ? *machinery_.sleeper : workflow::RealSleeper(),
      .interviews = &interviews_,
      .answer_taken = [this](const std::string& item) { (void)inbox_.Done(item); }};
  auto engine = workflow::Engine::Make(graph_, std::move(config), deps, state_, log_, &children_);
  if (!engine.ok()) return FailedEnd(engine.error().ToString(), "bootstrap_failed");
  return (*engine)->Run();
}

}  // namespace fabro::runs
