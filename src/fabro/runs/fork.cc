// Beginning again from a checkpoint: a new run that has the source's history up to there.
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <utility>

#include "fabro/base/clock.h"
#include "fabro/git/git.h"
#include "fabro/git/repository.h"
#include "fabro/linux/file.h"
#include "fabro/runs/create.h"
#include "fabro/runs/upkeep.h"

namespace fabro::runs {
namespace {

namespace fs = std::filesystem;
using model::Event;

constexpr std::size_t kPage = 512;

template <typename Each>
Status ForEach(store::EventStore& events, std::uint64_t last, const Each& each) {
  for (std::uint64_t after = 0;;) {
    std::vector<Event> page = TRY(events.Read(after, kPage));
    for (Event& event : page) {
      after = event.seq;
      if (after > last) return {};
      each(std::move(event));
    }
    if (page.empty()) return {};
  }
}

// What belongs to the traversal. The life of the run, its sandbox and its branch are its own.
bool IsHistory(const Event& event) {
  for (const char* own : {"run.", "sandbox.", "git.", "setup.", "asset.", "metadata.", "retro."}) {
    if (event.name.starts_with(own)) return false;
  }
  return true;
}

Status CopyHistory(const RunRef& source, std::uint64_t last, const RunId& id,
                   store::EventStore& into) {
  auto events = TRY(store::OpenRunDb(source.dir, true));
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      RealClock().WallNow().time_since_epoch());
  std::vector<Event> copies;
  TRY(ForEach(*events, last, [&](Event event) {
    if (!IsHistory(event)) return;
    event.id = MakeUuidV7(now, RandomBytes(10));
    event.run_id = id;
    copies.push_back(std::move(event));
  }));
  return copies.empty() ? Status() : into.Append(copies);
}

Status CopyStages(const RunRef& source, const std::string& dir) {
  std::error_code failed;
  const fs::path stages = fs::path(source.dir) / "stages";
  if (!fs::exists(stages, failed)) return {};
  fs::copy(stages, fs::path(dir) / "stages",
           fs::copy_options::recursive | fs::copy_options::skip_symlinks, failed);
  if (failed) return SysFailureOf(failed.value(), "copy", stages.string());
  return {};
}

struct Tree {
  git::Repository repository;
  std::string inside;  // From the top of the repository to where the source ran.
};

// The repository that has the commit, or nothing: then files cannot be taken along.
Result<std::optional<Tree>> TreeOf(const RunSpec& spec, const std::string& commit) {
  if (commit.empty()) return std::optional<Tree>();
  const auto repository = TRY(git::Discover(spec.source_directory));
  if (!repository) return std::optional<Tree>();
  const git::Output known =
      TRY(git::Run(repository->top, {"cat-file", "-e", commit + "^{commit}"}));
  if (known.exit_code != 0) {
    return Failure(Code::kFailedPrecondition,
                   "the commit " + commit + " is not in " + repository->top, "workspace_gone",
                   "the run's branch was removed, or the run has not ended yet");
  }
  const fs::path inside = fs::path(spec.source_directory).lexically_relative(repository->top);
  return std::optional(Tree{*repository, inside == "." ? "" : inside.string()});
}

std::string Worktree(const std::string& run_dir) { return run_dir + "/worktree"; }

Status AddWorktree(const Tree& tree, const std::string& path, const std::string& commit) {
  git::Options options;
  options.without_filters = true;
  TRY(git::Git(tree.repository.top, {"worktree", "add", "--detach", "--quiet", path, commit},
               options));
  return {};
}

}  // namespace

Result<std::vector<TimelinePoint>> Timeline(const RunRef& run) {
  auto events = TRY(store::OpenRunDb(run.dir, true));
  std::vector<TimelinePoint> timeline;
  std::string commit;
  std::string stage;
  std::string next;
  TRY(ForEach(*events, ~std::uint64_t{0}, [&](const Event& event) {
    if (event.name == "git.branch") {
      commit = event.properties.StringAt("sha");
    } else if (event.name == "stage.completed") {
      stage = event.stage_id;
      next.clear();
    } else if (event.name == "edge.selected") {
      next = event.properties.StringAt("to_node");
    } else if (event.name == "checkpoint.completed") {
      const std::string sha = event.properties.StringAt("git_commit_sha");
      if (!sha.empty()) commit = sha;
      const std::size_t at = stage.rfind('@');
      if (next.empty() || at == std::string::npos) return;  // After the exit nothing is left to do.
      TimelinePoint point{.ordinal = timeline.size() + 1,
                          .node = stage.substr(0, at),
                          .visit = 1,
                          .next = next,
                          .commit = commit,
                          .ts = event.ts,
                          .seq = event.seq};
      std::from_chars(stage.data() + at + 1, stage.data() + stage.size(), point.visit);
      timeline.push_back(std::move(point));
    }
  }));
  return timeline;
}

Result<TimelinePoint> FindPoint(const std::vector<TimelinePoint>& timeline,
                                std::string_view target) {
  const auto found = std::find_if(timeline.rbegin(), timeline.rend(), [&](const auto& point) {
    return target.empty() || target == point.node ||
           target == point.node + "@" + std::to_string(point.visit) ||
           target == "@" + std::to_string(point.ordinal);
  });
  if (found != timeline.rend()) return *found;
  std::string known;
  for (const TimelinePoint& point : timeline) {
    if (known.size() > 200) break;
    known += (known.empty() ? "" : ", ") + point.node + "@" + std::to_string(point.visit);
  }
  return Failure(Code::kNotFound,
                 timeline.empty() ? "the run has no checkpoint to begin from"
                                  : "the run has no checkpoint \"" + std::string(target) + "\"",
                 "target_not_found",
                 timeline.empty() ? "fabro run begins anew" : "there are " + known);
}

Result<Forked> Fork(const RunRef& source, const TimelinePoint& point) {
  RunSpec spec = TRY(Spec(source));
  const std::optional<Tree> tree = TRY(TreeOf(spec, point.commit));
  Forked forked;
  model::Json origin = model::Json::MakeObject();
  origin.Set("run_id", source.id.value()).Set("seq", point.seq);
  origin.Set("target", point.node + "@" + std::to_string(point.visit));
  const CreateHooks hooks{.place =
                              [&](RunSpec& made, const std::string& dir) {
                                made.settings.Set("fork_source_ref", origin);
                                if (!tree) return;
                                forked.worktree = Worktree(dir);
                                // .env files and keys stay those of the project.
                                if (made.settings.Find("project_directory") == nullptr) {
                                  made.settings.Set("project_directory", made.source_directory);
                                }
                                made.source_directory =
                                    (fs::path(forked.worktree) / tree->inside).lexically_normal();
                                if (made.source_directory.ends_with('/'))
                                  made.source_directory.pop_back();
                              },
                          .fill = [&](const RunSpec& made, const std::string& dir,
                                      store::EventStore& events) -> Status {
                            TRY(CopyHistory(source, point.seq, made.id, events));
                            return CopyStages(source, dir);
                          }};
  forked.run = TRY(CreateWith(source.storage, std::move(spec), hooks));
  if (!tree) return forked;
  const Status added = AddWorktree(*tree, forked.worktree, point.commit);
  if (added.ok()) return forked;
  (void)Remove(forked.run, false);
  return added.error();
}

Status RemoveWorktree(const RunRef& run) {
  std::error_code failed;
  const std::string path = Worktree(run.dir);
  if (!fs::exists(path + "/.git", failed)) return {};
  const auto repository = TRY(git::Discover(path));
  if (!repository) return {};
  // From the other side: the directory it is asked in goes away.
  TRY(git::Git(repository->common_dir, {"worktree", "remove", "--force", path}));
  return {};
}

}  // namespace fabro::runs
