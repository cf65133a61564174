#include "fabro/runs/summary.h"

#include <algorithm>

#include "fabro/workflow/engine/state.h"

namespace fabro::runs {
namespace {

using model::Event;

constexpr std::size_t kPage = 512;

StageSummary& StageOf(const Event& event, RunSummary& summary) {
  for (auto stage = summary.stages.rbegin(); stage != summary.stages.rend(); ++stage) {
    if (stage->stage_id == event.stage_id) return *stage;
  }
  StageSummary& stage = summary.stages.emplace_back();
  stage.stage_id = event.stage_id;
  stage.node_id = event.node_id;
  stage.label = event.node_label;
  return stage;
}

void TakeStage(const Event& event, RunSummary& summary) {
  StageSummary& stage = StageOf(event, summary);
  if (event.name == "stage.started") {
    stage.status = "running";
    stage.attempts = static_cast<std::uint32_t>(event.properties.IntAt("attempt", 1));
    stage.rerun = stage.rerun || event.properties.BoolAt("rerun");
  } else if (event.name == "stage.retrying") {
    stage.status = "retrying";
  } else if (event.name == "stage.interrupted") {
    stage.status = "interrupted";
  } else if (event.name == "stage.failed") {
    stage.error = event.properties.StringAt("error");
  } else if (event.name == "stage.completed") {
    stage.status = event.properties.StringAt("status");
    stage.error = event.properties.StringAt("error");
    stage.duration_ms = event.properties.IntAt("duration_ms");
    if (event.properties.StringAt("failure_class") == "canceled") stage.status = "cancelled";
  }
}

void TakeRun(const Event& event, RunSummary& summary) {
  const model::Json& properties = event.properties;
  if (event.name == "run.created") {
    summary.workflow = properties.StringAt("workflow_slug");
    summary.environment = properties.StringAt("environment");
    summary.created_at = event.ts;
  } else if (event.name == "run.started") {
    summary.status = RunStatus::kStarting;
  } else if (event.name == "run.resumed") {
    summary.status = RunStatus::kRunning;
    summary.open_questions.clear();  // They are asked again.
    summary.detail.clear();
    summary.error.clear();
  } else if (event.name == "run.paused") {
    summary.status = RunStatus::kPaused;
    summary.detail = properties.StringAt("reason");
  } else if (event.name == "run.completed") {
    summary.open_questions.clear();
    summary.status = RunStatus::kSucceeded;
    summary.detail =
        properties.StringAt("status") == "partially_succeeded" ? "partially_succeeded" : "";
    summary.final_commit = properties.StringAt("final_git_commit_sha");
    summary.duration_ms = properties.IntAt("duration_ms");
  } else if (event.name == "run.failed") {
    summary.open_questions.clear();
    summary.status = RunStatus::kFailed;
    summary.detail = properties.StringAt("reason");
    summary.error = properties.StringAt("error");
    summary.final_commit = properties.StringAt("git_commit_sha");
    summary.duration_ms = properties.IntAt("duration_ms");
  } else if (event.name == "run.archived" || event.name == "run.unarchived") {
    summary.archived = event.name == "run.archived";
    summary.superseded_by = properties.StringAt("superseded_by");
  }
}

// A run that waits for a person is blocked.
void TakeQuestion(const Event& event, RunSummary& summary) {
  auto& open = summary.open_questions;
  const std::string id = event.properties.StringAt("question_id");
  std::erase(open, id);
  if (event.name == "interview.started") open.push_back(id);
  summary.status = open.empty() ? RunStatus::kRunning : RunStatus::kBlocked;
}

void TakeResult(const Event& event, RunSummary& summary) {
  const model::Json& properties = event.properties;
  if (event.name == "asset.captured") {
    const std::string path = event.stage_id + "/" + properties.StringAt("path");
    if (std::find(summary.artifacts.begin(), summary.artifacts.end(), path) ==
        summary.artifacts.end()) {
      summary.artifacts.push_back(path);
    }
  } else if (event.name == "run.result") {
    summary.run_branch = properties.StringAt("branch");
    summary.result = properties.StringAt("path");
  } else if (event.name == "sandbox.preserved") {
    summary.kept_workspace = properties.StringAt("workspace");
  } else if (event.name == "sandbox.cleanup.completed" || event.name == "run.resumed") {
    summary.kept_workspace.clear();
  }
}

}  // namespace

void Take(const Event& event, RunSummary& summary) {
  if (event.name.starts_with("stage.")) {
    if (summary.status == RunStatus::kStarting) summary.status = RunStatus::kRunning;
    TakeStage(event, summary);
  } else if (event.name.starts_with("interview.")) {
    TakeQuestion(event, summary);
  } else if (event.name.starts_with("run.")) {
    TakeRun(event, summary);
    TakeResult(event, summary);
  } else {
    TakeResult(event, summary);
  }
  summary.updated_at = event.ts;
  summary.last_seq = event.seq;
}

Result<RunSummary> Summarize(store::EventStore& events) {
  RunSummary summary;
  for (std::uint64_t after = 0;;) {
    const std::vector<Event> page = TRY(events.Read(after, kPage));
    if (page.empty()) return summary;
    for (const Event& event : page) Take(event, summary);
    after = page.back().seq;
  }
}

}  // namespace fabro::runs
