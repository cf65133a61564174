// How a worker's run ends: result, terminal event, sandbox.
#include <sys/stat.h>

#include <chrono>
#include <utility>

#include "fabro/base/clock.h"
#include "fabro/runs/paths.h"
#include "fabro/runs/runs.h"
#include "fabro/runs/worker_run.h"
#include "fabro/store/index_db.h"

namespace fabro::runs {

using model::Json;
using workflow::RunEnd;

namespace {

std::string ArtifactKey(const std::string& stage, const std::string& path,
                        const std::string& sha256) {
  return stage + "\n" + path + "\n" + sha256;
}

}  // namespace

// What an earlier worker did of it. Only a stage without its checkpoint may still lack artifacts.
void WorkerRun::KnowArtifacts(const model::Event& event) {
  if (event.name == "stage.completed") {
    completed_.push_back(event);
  } else if (event.name == "checkpoint.completed") {
    completed_.clear();
    captured_.clear();
  } else if (event.name == "asset.captured") {
    ++artifacts_;
    captured_.insert(ArtifactKey(event.stage_id, event.properties.StringAt("path"),
                                 event.properties.StringAt("content_sha256")));
  }
}

// Artifacts of a stage that completed, before its checkpoint.
Status WorkerRun::AfterEvent(const model::Event& stage) {
  if (!collector_) return {};
  auto collected = collector_->Collect(stage.stage_id);
  if (!collected.ok()) return log_.Notice("warn", "artifacts", collected.error().ToString());
  for (const std::string& note : collected->notes) TRY(log_.Notice("info", "artifacts", note));
  for (const Artifact& artifact : collected->artifacts) {
    if (captured_.contains(ArtifactKey(stage.stage_id, artifact.path, artifact.sha256))) continue;
    model::Event event = log_.Make("asset.captured");
    event.node_id = stage.node_id;
    event.stage_id = stage.stage_id;
    event.properties.Set("attempt", Json(stage.properties.IntAt("attempt", 1)));
    event.properties.Set("node_slug", stage.node_id).Set("path", artifact.path);
    event.properties.Set("content_sha256", artifact.sha256).Set("bytes", artifact.size);
    TRY(log_.Store(std::move(event)));
    ++artifacts_;
  }
  const Status kept = collector_->Keep();
  if (!kept.ok()) return log_.Notice("warn", "artifacts", kept.error().ToString());
  return {};
}

Status WorkerRun::End(const RunEnd& end) {
  if (end.kind == RunEnd::Kind::kPaused) return Paused(end);
  std::vector<std::string> taken;
  std::string by;
  {
    const std::lock_guard lock(inbox_mutex_);
    taken = cancel_items_;
    by = cancelled_by_;
  }
  if (end.kind == RunEnd::Kind::kCancelled && !state_.cancel_requested) {
    TRY(log_.Notice("info", "cancel_requested", "cancelled by " + by));
  }
  TRY(SaveResult());
  TRY(Terminal(end));
  for (const std::string& item : taken) TRY(inbox_.Done(item));
  return CleanUp();
}

Status WorkerRun::Paused(const RunEnd& end) {
  Json properties;
  properties.Set("reason", end.reason);
  if (end.reason == "budget") {
    for (const std::string_view key : {"limit", "used", "max"}) {
      if (const Json* value = end.budget.Find(key)) properties.Set(key, *value);
    }
    properties.SetIfAny("message", end.message);
  }
  // Before the event: who reads of a pause finds nothing running any more.
  if (workplace_ && workplace_->sandbox) {
    const Status stopped = workplace_->sandbox->Stop();
    if (!stopped.ok()) TRY(log_.Notice("warn", "sandbox_stop", stopped.error().ToString()));
  }
  return log_.Emit("run.paused", std::move(properties));
}

// Where the run's changes are, so that they outlive the sandbox; said in `run.result`.
Status WorkerRun::SaveResult() {
  if (!workplace_) return {};
  Json result;
  if (workplace_->checkpointer) {
    auto ref = workplace_->checkpointer->Publish();
    if (!ref.ok()) {
      TRY(log_.Notice("warn", "publish_failed", ref.error().ToString()));
    } else if (!ref->empty()) {
      constexpr std::string_view kHeads = "refs/heads/";
      const bool is_branch = ref->starts_with(kHeads);
      result.Set("branch", is_branch ? ref->substr(kHeads.size()) : *ref);
    }
  }
  if (result.IsNull() && !workplace_->workspace_is_users) {
    const std::string path = ResultPath(run_dir_);
    const Status saved = SaveWorkspace(*workplace_->sandbox, path, spec_.result_limit);
    if (saved.ok()) {
      result.Set("path", path);
    } else {
      // The only copy: it stays where it is.
      keep_sandbox_ = true;
      TRY(log_.Notice("warn", saved.error().reason, saved.error().ToString()));
      result.Set("sandbox", workplace_->sandbox->Info().identifier);
      result.SetIfAny("workspace", workplace_->sandbox->Info().workspace);
    }
  }
  if (result.IsNull()) return {};
  return log_.Emit("run.result", std::move(result));
}

Status WorkerRun::Terminal(const RunEnd& end) {
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      RealClock().WallNow().time_since_epoch());
  Json properties;
  properties.Set("duration_ms", static_cast<std::int64_t>(now.count()) - state_.first_event_ms);
  if (end.kind == RunEnd::Kind::kSucceeded) {
    properties.Set("artifact_count", artifacts_);
    properties.Set("status", end.partially ? "partially_succeeded" : "succeeded");
    properties.SetIfAny("final_git_commit_sha", state_.git_commit_sha);
    return log_.Emit("run.completed", std::move(properties));
  }
  properties.Set("error", end.message).Set("reason", end.reason);
  properties.SetIfAny("git_commit_sha", state_.git_commit_sha);
  return log_.Emit("run.failed", std::move(properties));
}

Status WorkerRun::CleanUp() {
  if (!workplace_ || !workplace_->sandbox) return {};
  if (spec_.preserve_sandbox || keep_sandbox_) {
    const provider::SandboxInfo info = workplace_->sandbox->Info();
    const Status stopped = workplace_->sandbox->Stop();  // Its tree stays, whatever this says.
    if (!stopped.ok()) TRY(log_.Notice("warn", "sandbox_stop", stopped.error().ToString()));
    Json kept;
    kept.Set("provider", info.provider).SetIfAny("sandbox_id", info.identifier);
    kept.SetIfAny("workspace", info.workspace);
    return log_.Emit("sandbox.preserved", std::move(kept));
  }
  Json provider;
  provider.Set("provider", workplace_->sandbox->Info().provider);
  TRY(log_.Emit("sandbox.cleanup.started", provider));
  const auto began = RealClock().SteadyNow();
  const Status cleaned = workplace_->sandbox->Cleanup();
  if (!cleaned.ok()) {
    provider.Set("error", cleaned.error().ToString());
    return log_.Emit("sandbox.cleanup.failed", std::move(provider));
  }
  const auto span =
      std::chrono::duration_cast<std::chrono::milliseconds>(RealClock().SteadyNow() - began);
  provider.Set("duration_ms", static_cast<std::int64_t>(span.count()));
  return log_.Emit("sandbox.cleanup.completed", std::move(provider));
}

// For lists only; List repairs what this misses.
void WorkerRun::UpdateIndex() {
  auto index = store::IndexDb::Open(storage_);
  if (!index.ok()) return;
  const RunSummary& summary = projections_.summary();
  (void)(*index)->Put({.run = spec_.id,
                       .dir = run_dir_.substr(run_dir_.rfind('/') + 1),
                       .workflow = summary.workflow,
                       .status = std::string(ToString(summary.status)),
                       .reason = summary.detail,
                       .created_at = summary.created_at,
                       .updated_at = summary.updated_at,
                       .environment = summary.environment});
}

}  // namespace fabro::runs
