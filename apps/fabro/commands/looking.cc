// `fabro ps`, `logs`, `inspect`: what there is to see of runs.
#include <array>
#include <chrono>
#include <cstdio>

#include "../following.h"
#include "../progress.h"
#include "../story.h"
#include "commands.h"
#include "fabro/base/clock.h"
#include "fabro/base/duration.h"

namespace fabro::cli {
namespace {

std::string Pad(std::string text, std::size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text;
}

bool Listed(const runs::RunSummary& run, const runs::RunSpec* spec, const PsOptions& options) {
  if (!options.all && (run.archived || runs::IsTerminal(run.status))) return false;
  if (!options.workflow.empty() && run.workflow != options.workflow) return false;
  if (options.label.empty()) return true;
  if (spec == nullptr) return false;
  const std::size_t equals = options.label.find('=');
  const auto label = spec->labels.find(options.label.substr(0, equals));
  if (label == spec->labels.end()) return false;
  return equals == std::string::npos || label->second == options.label.substr(equals + 1);
}

std::string Row(const runs::RunSummary& run, Console& console) {
  constexpr std::size_t kId = 28;
  constexpr std::size_t kStatus = 11;
  constexpr std::size_t kWorkflow = 20;
  constexpr std::size_t kEnvironment = 12;
  if (run.broken) {
    return Pad(run.ref.id.value(), kId) + console.Paint("31", Pad("broken", kStatus)) + run.error;
  }
  const bool orphan = !run.live && !runs::IsTerminal(run.status) &&
                      run.status != runs::RunStatus::kSubmitted &&
                      run.status != runs::RunStatus::kPaused;
  const std::string status = orphan         ? "no worker"
                             : run.archived ? "archived"
                                            : std::string(runs::ToString(run.status));
  return Pad(run.ref.id.value(), kId) + Pad(status, kStatus) + Pad(run.workflow, kWorkflow) +
         Pad(run.environment, kEnvironment) +
         Pad(HumanDuration(std::chrono::milliseconds(run.duration_ms)), 10) + run.created_at;
}

// The time before which events are left out, as RFC 3339: those stamps compare as text.
fabro::Result<std::string> SinceOf(const std::string& text) {
  if (text.empty() || text.find('T') != std::string::npos) return text;
  const Nanos span = TRY_IN("--since", ParseDuration(text));
  return Rfc3339(RealClock().WallNow() -
                 std::chrono::duration_cast<std::chrono::system_clock::duration>(span));
}

}  // namespace

int Run(const PsOptions& options, const GlobalOptions& global, Console& console) {
  const fabro::Result<std::string> storage = StorageDir(global);
  if (!storage.ok()) return console.Fail(storage.error());
  const fabro::Result<std::vector<runs::RunSummary>> all = runs::List(*storage);
  if (!all.ok()) return console.Fail(all.error());
  bool first = true;
  for (const runs::RunSummary& run : *all) {
    const bool wants_spec = !options.label.empty() && !run.broken;
    const fabro::Result<runs::RunSpec> spec =
        wants_spec ? runs::Spec(run.ref) : fabro::Result<runs::RunSpec>(runs::RunSpec{});
    if (!Listed(run, wants_spec && spec.ok() ? &*spec : nullptr, options)) continue;
    if (console.json()) {
      console.Result(SummaryJson(run).Dump());
    } else if (options.ids_only) {
      console.Result(run.ref.id.value());
    } else {
      if (first)
        console.Say(
            "RUN                         STATUS     WORKFLOW            ENVIRONMENT TIME      "
            "CREATED");
      console.Result(Row(run, console));
    }
    first = false;
  }
  if (first && !console.json() && !options.ids_only) {
    console.Say(options.all ? "no runs" : "no active runs; ended ones: fabro ps -a");
  }
  return kOk;
}

int Run(const LogsOptions& options, const GlobalOptions& global, Console& console) {
  const fabro::Result<std::string> storage = StorageDir(global);
  if (!storage.ok()) return console.Fail(storage.error());
  const fabro::Result<runs::RunRef> run = runs::Find(*storage, options.run);
  if (!run.ok()) return console.Fail(run.error());
  const fabro::Result<std::string> since = SinceOf(options.since);
  if (!since.ok()) return console.Fail(since.error());
  const fabro::Result<runs::RunSummary> now = runs::Inspect(*run);
  if (!now.ok()) return console.Fail(now.error());
  const std::uint64_t last = now->last_seq;
  const std::uint64_t after = options.tail && *options.tail < last ? last - *options.tail : 0;
  if (!options.follow && after >= last) return kOk;
  Story story(*run, console);
  const fabro::Result<runs::FollowEnd> end =
      runs::Follow(*run, after, -1, [&](const model::Event& event) {
        if (event.ts >= *since) {
          if (options.pretty) {
            for (const std::string& line : story.Tell(event)) console.Result(line);
          } else {
            console.Result(EventJson(event).Dump());
          }
        }
        return options.follow || event.seq < last;
      });
  return end.ok() ? kOk : console.Fail(end.error());
}

int Run(const InspectOptions& options, const GlobalOptions& global, Console& console) {
  const fabro::Result<std::string> storage = StorageDir(global);
  if (!storage.ok()) return console.Fail(storage.error());
  const fabro::Result<runs::RunRef> run = runs::Find(*storage, options.run);
  if (!run.ok()) return console.Fail(run.error());
  const fabro::Result<runs::RunSummary> summary = runs::Inspect(*run);
  if (!summary.ok()) return console.Fail(summary.error());
  console.Result(SummaryJson(*summary).Dump());
  return kOk;
}

}  // namespace fabro::cli
