// `fabro fork`, `rewind` and `diff`: a run's past.
#include <unistd.h>

#include "../machinery.h"
#include "commands.h"
#include "fabro/git/git.h"
#include "fabro/git/repository.h"
#include "fabro/runs/upkeep.h"
#include "shared.h"

namespace fabro::cli {
namespace {

using runs::TimelinePoint;

int ListTimeline(const std::vector<TimelinePoint>& timeline, Console& console) {
  for (const TimelinePoint& point : timeline) {
    if (console.json()) {
      model::Json json = model::Json::MakeObject();
      json.Set("ordinal", point.ordinal).Set("node", point.node).Set("visit", point.visit);
      json.Set("next", point.next).SetIfAny("commit", point.commit);
      console.Result(json.Set("ts", point.ts).Set("seq", point.seq).Dump());
      continue;
    }
    console.Result("@" + std::to_string(point.ordinal) + "  " + point.ts + "  " + point.node + "@" +
                   std::to_string(point.visit) + " -> " + point.next +
                   (point.commit.empty() ? "" : "  " + point.commit.substr(0, 12)));
  }
  return kOk;
}

fabro::Result<runs::Forked> ForkAt(const runs::RunRef& source,
                                   const std::vector<TimelinePoint>& timeline,
                                   const std::string& target) {
  const TimelinePoint point = TRY(runs::FindPoint(timeline, target));
  return runs::Fork(source, point);
}

// What a rewind wants before it makes anything.
Status MayRewind(const runs::RunRef& run) {
  const runs::RunSummary summary = TRY(runs::Inspect(run));
  const std::string id = run.id.value();
  if (summary.archived) {
    return Failure(Code::kFailedPrecondition, "run " + id + " is archived", "run_archived",
                   "fabro unarchive " + id);
  }
  const bool ended = runs::IsTerminal(summary.status) || summary.status == runs::RunStatus::kDead;
  if (!ended || summary.live) {
    return Failure(Code::kFailedPrecondition, "run " + id + " has not ended", "run_not_ended",
                   "fabro cancel " + id + ", or fabro fork " + id);
  }
  return {};
}

int Begin(const runs::Forked& forked, const TimelineOptions& options, Console& console) {
  const std::string id = forked.run.id.value();
  if (forked.worktree.empty()) {
    console.Warn("the source has no commits: the files are those that are there now");
  } else {
    console.Say("works in  " + forked.worktree);
  }
  if (!options.start) {
    console.Result(id);
    console.Say("go on with it: fabro resume " + id);
    return kOk;
  }
  const Status started = runs::Start(forked.run, SelfAsWorker());
  if (!started.ok()) return console.Fail(started.error());
  console.Result(id);
  console.Say("follow it: fabro attach " + id);
  return kOk;
}

int ForkOrRewind(const TimelineOptions& options, const GlobalOptions& global, Console& console) {
  const fabro::Result<runs::RunRef> run = FindRun(global, options.run);
  if (!run.ok()) return console.Fail(run.error());
  const auto timeline = runs::Timeline(*run);
  if (!timeline.ok()) return console.Fail(timeline.error());
  if (options.list) return ListTimeline(*timeline, console);
  if (options.rewind) {
    const Status may = MayRewind(*run);
    if (!may.ok()) return console.Fail(may.error());
  }
  const fabro::Result<runs::Forked> forked = ForkAt(*run, *timeline, options.target);
  if (!forked.ok()) return console.Fail(forked.error());
  if (options.rewind) {
    const Status archived = runs::Archive(*run, forked->run.id);
    if (!archived.ok()) console.Warn(archived.error().ToString());
  }
  return Begin(*forked, options, console);
}

struct Commits {
  std::string directory;
  std::string from;
  std::string to;
};

// Of the whole run, or of one stage: the commit before it and its own.
fabro::Result<Commits> CommitsOf(const runs::RunRef& run, const std::string& node) {
  const runs::RunSpec spec = TRY(runs::Spec(run));
  const std::vector<TimelinePoint> timeline = TRY(runs::Timeline(run));
  const runs::RunSummary summary = TRY(runs::Inspect(run));
  Commits commits{.directory = spec.source_directory, .from = {}, .to = {}};
  if (!timeline.empty()) {
    commits.from = timeline.front().commit;
    commits.to = summary.final_commit.empty() ? timeline.back().commit : summary.final_commit;
  }
  if (!node.empty()) {
    const TimelinePoint point = TRY(runs::FindPoint(timeline, node));
    commits.to = point.commit;
    commits.from = point.ordinal > 1 ? timeline[point.ordinal - 2].commit : point.commit;
  }
  if (commits.from.empty() || commits.to.empty()) {
    return Failure(Code::kFailedPrecondition, "run " + run.id.value() + " made no commits",
                   "no_checkpoints", "its directory is no git repository, or it ran --in-place");
  }
  return commits;
}

fabro::Result<std::string> DiffOf(const runs::RunRef& run, const DiffOptions& options) {
  const Commits commits = TRY(CommitsOf(run, options.node));
  std::vector<std::string> words{"diff", "--no-ext-diff", "--no-textconv", "--no-color"};
  if (options.stat) words.emplace_back("--stat");
  if (options.shortstat) words.emplace_back("--shortstat");
  words.insert(words.end(), {commits.from, commits.to, "--"});
  git::Options git_options;
  git_options.without_filters = true;
  return git::Git(commits.directory, words, git_options);
}

}  // namespace

fabro::Result<std::string> LastStageDiff(const runs::RunRef& run) {
  const std::vector<TimelinePoint> timeline = TRY(runs::Timeline(run));
  DiffOptions options;
  if (!timeline.empty()) options.node = "@" + std::to_string(timeline.back().ordinal);
  return DiffOf(run, options);
}

int Run(const TimelineOptions& options, const GlobalOptions& global, Console& console) {
  return ForkOrRewind(options, global, console);
}

int Run(const DiffOptions& options, const GlobalOptions& global, Console& console) {
  const fabro::Result<runs::RunRef> run = FindRun(global, options.run);
  if (!run.ok()) return console.Fail(run.error());
  const fabro::Result<std::string> diff = DiffOf(*run, options);
  if (!diff.ok()) return console.Fail(diff.error());
  if (diff->empty()) {
    console.Say("no difference");
    return kOk;
  }
  // A patch goes into files and programs as it is; a terminal gets it inert.
  console.Result(::isatty(STDOUT_FILENO) == 1 ? Inert(*diff, true) : *diff);
  return kOk;
}

}  // namespace fabro::cli
