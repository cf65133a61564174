#include "fabro/runs/projections.h"

#include <fcntl.h>

#include <cstdio>
#include <utility>

#include "fabro/codec/event/event.h"
#include "fabro/linux/file.h"
#include "fabro/runs/paths.h"
#include "fabro/runs/summary.h"

namespace fabro::runs {
namespace {

using model::Event;
using model::Json;

bool EndsSomething(const Event& event) {
  return event.name == "stage.completed" || event.name == "stage.started" ||
         event.name.starts_with("run.") || event.name.starts_with("sandbox.");
}

}  // namespace

Projections::Projections(std::string run_dir, const RunSpec& spec)
    : run_dir_(std::move(run_dir)), spec_(spec) {}

void Projections::Know(const Event& event) {
  Take(event, summary_);
  Count(event);
}

void Projections::Count(const Event& event) {
  if (event.name == "checkpoint.completed") {
    ++checkpoints_;
    if (const Json* checkpoint = event.properties.Find("checkpoint")) checkpoint_ = *checkpoint;
  } else if (event.name == "sandbox.initialized") {
    sandbox_ = event.properties;
  }
}

void Projections::Write(const Event& event) {
  Know(event);
  if (spec_.events_jsonl) AppendLine(event);
  if (event.name == "stage.completed") WriteStage(event);
  if (event.name == "checkpoint.completed") WriteCheckpoint(event);
  if (EndsSomething(event)) WriteRun();
}

void Projections::Replace(const std::string& name, const Json& json) {
  // Not durable on purpose: it can be made again, and an fsync a stage would cost more than it is.
  const std::string path = run_dir_ + "/" + name;
  const std::string fresh = path + ".new";
  Status written = WriteFile(fresh, json.Dump() + "\n", 0600);
  if (written.ok() && ::rename(fresh.c_str(), path.c_str()) != 0) {
    written = SysFailure("rename", fresh);
  }
  if (!written.ok()) {
    (void)std::fprintf(stderr, "projection %s: %s\n", name.c_str(),
                       written.error().ToString().c_str());
  }
}

void Projections::WriteRun() {
  Json spec;
  spec.Set("workflow", spec_.workflow).Set("workflow_path", spec_.workflow_path);
  spec.Set("goal", spec_.goal).Set("inputs", spec_.inputs).Set("environment", spec_.environment);
  spec.Set("source_directory", spec_.source_directory);
  Json json;
  json.Set("run_id", spec_.id.value()).Set("created_at", spec_.created_at);
  json.Set("spec", std::move(spec)).Set("status", ToString(summary_.status));
  json.SetIfAny("detail", summary_.detail).Set("last_seq", summary_.last_seq);
  json.Set("checkpoint", checkpoint_).Set("sandbox", sandbox_);
  if (IsTerminal(summary_.status)) {
    Json conclusion;
    conclusion.Set("status", ToString(summary_.status));
    conclusion.Set("duration_ms", summary_.duration_ms);
    conclusion.SetIfAny("failure_reason", summary_.error);
    conclusion.SetIfAny("final_git_commit_sha", summary_.final_commit);
    json.Set("conclusion", std::move(conclusion));
  }
  Replace("run.json", json);
}

void Projections::WriteStage(const Event& event) {
  const Json& properties = event.properties;
  const std::string dir =
      StageDirName(static_cast<std::uint64_t>(properties.IntAt("index")), event.stage_id);
  const auto copy = [&](Json& to, std::string_view key, std::string_view as = {}) {
    if (const Json* found = properties.Find(key)) to.Set(as.empty() ? key : as, *found);
  };
  Json status;
  copy(status, "status");
  copy(status, "notes");
  copy(status, "error", "failure_reason");
  status.Set("timestamp", event.ts);
  copy(status, "preferred_label");
  copy(status, "suggested_next_ids");
  copy(status, "context_updates");
  copy(status, "files_touched");
  Replace(dir + "/status.json", status);
  const Json* details = properties.Find("details");
  if (details == nullptr || details->Find("command") == nullptr) return;
  Json invocation;
  invocation.Set("command", details->StringAt("command"));
  invocation.Set("language", details->StringAt("language"));
  Replace(dir + "/script_invocation.json", invocation);
  Json timing;
  timing.Set("duration_ms", details->IntAt("duration_ms"));
  if (const Json* code = details->Find("exit_code")) timing.Set("exit_code", *code);
  timing.Set("timed_out", details->BoolAt("timed_out"));
  Replace(dir + "/script_timing.json", timing);
}

void Projections::WriteCheckpoint(const Event&) {
  const Status made = MakeDirs(run_dir_ + "/checkpoints", 0700);
  if (!made.ok()) return;
  char name[40];
  (void)std::snprintf(name, sizeof name, "checkpoints/%04llu.json",
                      static_cast<unsigned long long>(checkpoints_));
  Replace(name, checkpoint_);
}

void Projections::AppendLine(const Event& event) {
  auto file = Open(run_dir_ + "/events.jsonl", O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (file.ok()) (void)WriteFd(file->get(), codec::EncodeEvent(event) + "\n");
}

}  // namespace fabro::runs
