// Making a run, finding runs, listing them.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>

#include "fabro/base/clock.h"
#include "fabro/linux/file.h"
#include "fabro/runs/create.h"
#include "fabro/runs/paths.h"
#include "fabro/runs/runs.h"
#include "fabro/runs/summary.h"
#include "fabro/store/index_db.h"
#include "fabro/store/run_lock.h"
#include "fabro/workflow/engine/state.h"

namespace fabro::runs {
namespace {

using model::Json;

constexpr std::size_t kUlidSize = 26;
constexpr const char* kArchivedMark = "+archived";  // In the index, behind the status.
constexpr std::uint64_t kFruitlessLimit = 3;  // Resumes in a row without a completed stage: dead.

// "20260307-01J…" of our making, else empty.
std::string IdOfDirName(const std::string& name) {
  if (name.size() != 9 + kUlidSize || name[8] != '-') return {};
  std::string id = name.substr(9);
  return IsUlid(id) ? id : std::string();
}

model::Event CreatedEvent(const RunSpec& spec, const std::string& run_dir,
                          std::chrono::milliseconds now) {
  model::Event event;
  event.id = MakeUuidV7(now, RandomBytes(10));
  event.ts = spec.created_at;
  event.run_id = spec.id;
  event.name = "run.created";
  Json labels = Json::MakeObject();
  for (const auto& [key, value] : spec.labels) labels.Set(key, value);
  // The graph and the settings are in the bundle, once.
  event.properties.Set("workflow_slug", spec.workflow).Set("workflow_source", spec.workflow_path);
  event.properties.Set("environment", spec.environment).Set("labels", std::move(labels));
  event.properties.Set("run_dir", run_dir).Set("source_directory", spec.source_directory);
  event.properties.Set("in_place", spec.in_place).Set("dry_run", spec.dry_run);
  event.properties.Set("auto_resume", spec.auto_resume);
  if (const Json* source = spec.settings.Find("fork_source_ref")) {
    event.properties.Set("fork_source_ref", *source);
  }
  return event;
}

Status FillDirectory(const std::string& staging, const std::string& final_dir, const RunSpec& spec,
                     std::chrono::milliseconds now, const CreateHooks& hooks) {
  TRY(MakeDirs(staging + "/runtime", 0700));
  if (::chmod(staging.c_str(), 0700) != 0) return SysFailure("chmod", staging);
  if (::chmod((staging + "/runtime").c_str(), 0700) != 0) return SysFailure("chmod", staging);
  TRY(ReplaceFile(BundlePath(staging), EncodeSpec(spec), 0600));
  TRY(ReplaceFile(staging + "/graph.fabro", spec.graph_source, 0600));
  auto events = TRY(store::CreateRunDb(
      staging, spec.id, spec.dry_run ? store::Durability::kOff : store::Durability::kFull));
  std::vector<model::Event> first{CreatedEvent(spec, final_dir, now)};
  TRY(events->Append(first));
  if (hooks.fill) TRY(hooks.fill(spec, staging, *events));
  return {};
}

Result<RunSummary> Broken(const RunRef& run, const Error& error) {
  RunSummary summary;
  summary.ref = run;
  summary.broken = true;
  summary.error = error.ToString();
  return summary;
}

RunSummary SummaryOf(const RunRef& run, const store::IndexRow& row) {
  RunSummary summary;
  summary.ref = run;
  summary.workflow = row.workflow;
  summary.environment = row.environment;
  summary.status = row.status.starts_with("succeeded") ? RunStatus::kSucceeded : RunStatus::kFailed;
  summary.archived = row.status.ends_with(kArchivedMark);
  summary.detail = row.reason;
  summary.created_at = row.created_at;
  summary.updated_at = row.updated_at;
  summary.duration_ms = workflow::UnixMillis(row.updated_at) - workflow::UnixMillis(row.created_at);
  return summary;
}

}  // namespace

Result<std::vector<RunRef>> AllRefs(const std::string& storage) {
  auto dir = OpenDir(ScratchDir(storage));
  if (!dir.ok()) {
    if (dir.error().sys_errno == ENOENT) return std::vector<RunRef>();
    return std::move(dir).error();
  }
  const std::vector<std::string> names = TRY(ListDir(dir->get()));
  std::vector<RunRef> refs;
  for (const std::string& name : names) {
    std::string id = IdOfDirName(name);
    if (id.empty()) continue;
    refs.push_back({RunId(std::move(id)), storage, ScratchDir(storage) + "/" + name});
  }
  std::sort(refs.begin(), refs.end(),
            [](const RunRef& a, const RunRef& b) { return a.id.value() > b.id.value(); });
  return refs;
}

store::IndexRow RowOf(const RunSummary& summary) {
  return {.run = summary.ref.id,
          .dir = summary.ref.dir.substr(summary.ref.dir.rfind('/') + 1),
          .workflow = summary.workflow,
          .status = std::string(ToString(summary.status)) + (summary.archived ? kArchivedMark : ""),
          .reason = summary.detail,
          .created_at = summary.created_at,
          .updated_at = summary.updated_at,
          .environment = summary.environment};
}

Result<RunRef> Create(const std::string& storage, RunSpec spec) {
  return CreateWith(storage, std::move(spec), {});
}

Result<RunRef> CreateWith(const std::string& storage, RunSpec spec, const CreateHooks& hooks) {
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      RealClock().WallNow().time_since_epoch());
  spec.id = RunId(MakeUlid(now, RandomBytes(10)));
  spec.created_at = Rfc3339(RealClock().WallNow());
  std::string day = spec.created_at.substr(0, 10);
  std::erase(day, '-');
  const std::string name = day + "-" + spec.id.value();
  const std::string scratch = ScratchDir(storage);
  TRY_IN("storage directory " + storage, MakeDirs(scratch, 0700));
  if (::chmod(scratch.c_str(), 0700) != 0) return SysFailure("chmod", scratch);
  const std::string staging = scratch + "/." + name;
  const RunRef run{spec.id, storage, scratch + "/" + name};
  if (hooks.place) hooks.place(spec, run.dir);
  Status filled = FillDirectory(staging, run.dir, spec, now, hooks);
  if (filled.ok() && ::rename(staging.c_str(), run.dir.c_str()) != 0) {
    filled = SysFailure("rename", staging);
  }
  if (!filled.ok()) {
    (void)RemoveTree(staging);  // What remains begins with a dot and is no run.
    return std::move(filled).error().In("creating a run in " + storage);
  }
  const UniqueFd dir = TRY(Open(scratch, O_RDONLY | O_DIRECTORY));
  if (::fsync(dir.get()) != 0) return SysFailure("fsync", scratch);
  // The index is repaired by the next List when this fails.
  auto index = store::IndexDb::Open(storage);
  auto summary = Inspect(run);
  if (index.ok() && summary.ok()) (void)(*index)->Put(RowOf(*summary));
  return run;
}

Result<RunRef> Find(const std::string& storage, std::string_view which) {
  const std::vector<RunRef> refs = TRY(AllRefs(storage));
  std::string prefix(which);
  for (char& c : prefix) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  std::vector<RunRef> found;
  for (const RunRef& run : refs) {
    if (!prefix.empty() && run.id.value().starts_with(prefix)) found.push_back(run);
  }
  if (found.size() == 1) return found.front();
  if (found.size() > 1) {
    std::string names;
    for (std::size_t i = 0; i < std::min<std::size_t>(found.size(), 5); ++i) {
      names += (i > 0 ? ", " : "") + found[i].id.value();
    }
    return Failure(Code::kInvalidArgument,
                   std::string(which) + " fits " + std::to_string(found.size()) + " runs: " + names,
                   "run_ambiguous", "give more of the id");
  }
  for (const RunRef& run : refs) {  // Newest first.
    auto spec = Spec(run);
    if (spec.ok() && spec->workflow == which) return run;
  }
  return Failure(Code::kNotFound, "no run \"" + std::string(which) + "\" in " + storage,
                 "run_not_found", "fabro ps -a lists them");
}

Result<RunSpec> Spec(const RunRef& run) {
  const std::string text = TRY(ReadFile(BundlePath(run.dir), 256_MiB));
  RunSpec spec = TRY_IN(run.dir, DecodeSpec(text));
  return spec;
}

Result<RunSummary> Inspect(const RunRef& run) {
  // Asked first: a run that ends meanwhile then shows its end, not a dead worker.
  const bool live = TRY(store::IsRunLocked(run.dir));
  auto events = TRY(store::OpenRunDb(run.dir, true));
  RunSummary summary = TRY(Summarize(*events));
  summary.ref = run;
  summary.live = live;
  const bool unfinished = summary.status == RunStatus::kStarting ||
                          summary.status == RunStatus::kRunning ||
                          summary.status == RunStatus::kBlocked;
  if (!live && unfinished) {
    const workflow::RunState state = TRY(workflow::Replay(*events));
    const auto created = TRY(events->Last("run.created"));
    const bool automatic = !created || created->properties.BoolAt("auto_resume", true);
    if (state.fruitless_resumes >= kFruitlessLimit || !automatic) {
      summary.status = RunStatus::kDead;
    }
  }
  if (summary.duration_ms == 0) {
    summary.duration_ms =
        workflow::UnixMillis(summary.updated_at) - workflow::UnixMillis(summary.created_at);
  }
  return summary;
}

Result<std::vector<RunSummary>> List(const std::string& storage) {
  const std::vector<RunRef> refs = TRY(AllRefs(storage));
  auto index = store::IndexDb::Open(storage);
  std::vector<store::IndexRow> rows;
  if (index.ok()) {
    auto all = (*index)->All();
    if (all.ok()) rows = *std::move(all);
  }
  std::vector<RunSummary> summaries;
  for (const RunRef& run : refs) {
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const store::IndexRow& candidate) {
      return candidate.run == run.id;
    });
    // What has ended stays as it is, unless somebody works on it again.
    const bool ended = row != rows.end() &&
                       (row->status.starts_with("succeeded") || row->status.starts_with("failed"));
    const auto locked = store::IsRunLocked(run.dir);
    if (ended && locked.ok() && !*locked) {
      summaries.push_back(SummaryOf(run, *row));
      continue;
    }
    auto summary = Inspect(run);
    if (!summary.ok()) summary = Broken(run, summary.error());
    if (index.ok() && !summary->broken) {
      const store::IndexRow now = RowOf(*summary);
      if (row == rows.end() || !(*row == now)) (void)(*index)->Put(now);
    }
    summaries.push_back(*std::move(summary));
  }
  for (const store::IndexRow& row : rows) {
    const bool there =
        std::any_of(refs.begin(), refs.end(), [&](const RunRef& run) { return run.id == row.run; });
    if (!there && index.ok()) (void)(*index)->Remove(row.run);
  }
  return summaries;
}

std::string_view ToString(RunStatus status) {
  switch (status) {
    case RunStatus::kSubmitted:
      return "submitted";
    case RunStatus::kStarting:
      return "starting";
    case RunStatus::kRunning:
      return "running";
    case RunStatus::kBlocked:
      return "blocked";
    case RunStatus::kPaused:
      return "paused";
    case RunStatus::kSucceeded:
      return "succeeded";
    case RunStatus::kFailed:
      return "failed";
    case RunStatus::kDead:
      return "dead";
  }
  return "unknown";
}

bool IsTerminal(RunStatus status) {
  return status == RunStatus::kSucceeded || status == RunStatus::kFailed;
}

int ExitCodeOf(const RunSummary& run) {
  if (run.status == RunStatus::kSucceeded) return 0;
  return run.status == RunStatus::kFailed && run.detail == "cancelled" ? 3 : 1;
}

}  // namespace fabro::runs
