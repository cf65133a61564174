// `fabro archive`, `unarchive`, `dump`, `system repair` and `system prune`: runs that have ended.
#include <chrono>

#include "../machinery.h"
#include "commands.h"
#include "fabro/base/clock.h"
#include "fabro/base/duration.h"
#include "fabro/runs/upkeep.h"
#include "shared.h"

namespace fabro::cli {
namespace {

// The time that "24h" ago was, or the time itself; RFC 3339 compares as text.
fabro::Result<std::string> Before(const std::string& text) {
  if (text.find('T') != std::string::npos || text.find('-') != std::string::npos) return text;
  const Nanos span = TRY_IN("--older-than", ParseDuration(text));
  return Rfc3339(RealClock().WallNow() -
                 std::chrono::duration_cast<std::chrono::system_clock::duration>(span));
}

bool HasLabel(const runs::RunRef& run, const std::string& wanted) {
  const fabro::Result<runs::RunSpec> spec = runs::Spec(run);
  if (!spec.ok()) return false;
  const std::size_t equals = wanted.find('=');
  const auto label = spec->labels.find(wanted.substr(0, equals));
  if (label == spec->labels.end()) return false;
  return equals == std::string::npos || label->second == wanted.substr(equals + 1);
}

struct Filter {
  std::string before;
  const PruneOptions& options;

  bool operator()(const runs::RunSummary& run) const {
    if (run.broken || run.live || !runs::IsTerminal(run.status)) return false;
    if (!before.empty() && run.updated_at >= before) return false;
    if (!options.workflow.empty() && run.workflow != options.workflow) return false;
    return options.label.empty() || HasLabel(run.ref, options.label);
  }
};

fabro::Result<Filter> FilterOf(const PruneOptions& options) {
  const bool none = options.before.empty() && options.older_than.empty() &&
                    options.workflow.empty() && options.label.empty();
  const std::string text = none                     ? "24h"
                           : options.before.empty() ? options.older_than
                                                    : options.before;
  if (text.empty()) return Filter{"", options};
  std::string before = TRY(Before(text));
  return Filter{std::move(before), options};
}

// Those with a kept workspace are somebody's on purpose; they go with --preserved only.
bool IsKept(const runs::RunSummary& listed) {
  const fabro::Result<runs::RunSummary> run = runs::Inspect(listed.ref);
  return !run.ok() || !run->kept_workspace.empty();
}

}  // namespace

int Run(const ArchiveOptions& options, const GlobalOptions& global, Console& console) {
  int code = kOk;
  for (const std::string& which : options.runs) {
    const fabro::Result<runs::RunRef> run = FindRun(global, which);
    const Status done = !run.ok()          ? Status(run.error())
                        : options.take_out ? runs::Unarchive(*run)
                                           : runs::Archive(*run);
    if (done.ok()) {
      console.Result(run->id.value());
    } else {
      code = console.Fail(done.error());
    }
  }
  return code;
}

int Run(const DumpOptions& options, const GlobalOptions& global, Console& console) {
  const fabro::Result<runs::RunRef> run = FindRun(global, options.run);
  if (!run.ok()) return console.Fail(run.error());
  const Status dumped = runs::Dump(*run, options.output);
  if (!dumped.ok()) return console.Fail(dumped.error());
  console.Say("wrote " + options.output);
  return kOk;
}

int Run(const RepairOptions& /*options*/, const GlobalOptions& global, Console& console) {
  const fabro::Result<std::string> storage = StorageDir(global);
  if (!storage.ok()) return console.Fail(storage.error());
  const fabro::Result<runs::Repaired> repaired = runs::Repair(*storage);
  if (!repaired.ok()) return console.Fail(repaired.error());
  if (console.json()) {
    model::Json json = model::Json::MakeObject();
    json.Set("runs", repaired->runs).Set("done", model::Json::Strings(repaired->done));
    console.Result(json.Set("skipped", model::Json::Strings(repaired->skipped)).Dump());
    return kOk;
  }
  for (const std::string& line : repaired->done) console.Say(line);
  for (const std::string& line : repaired->skipped) console.Warn("left as it is: " + Inert(line));
  console.Say("projections of " + std::to_string(repaired->runs) + " runs written anew");
  return kOk;
}

int Run(const PruneOptions& options, const GlobalOptions& global, Console& console) {
  const fabro::Result<std::string> storage = StorageDir(global);
  if (!storage.ok()) return console.Fail(storage.error());
  const fabro::Result<Filter> matches = FilterOf(options);
  if (!matches.ok()) return console.Fail(matches.error());
  const fabro::Result<std::vector<runs::RunSummary>> all = runs::List(*storage);
  if (!all.ok()) return console.Fail(all.error());
  int code = kOk;
  std::size_t count = 0;
  for (const runs::RunSummary& run : *all) {
    if (options.orphans || !(*matches)(run) || (!options.preserved && IsKept(run))) continue;
    ++count;
    const Status removed = options.yes ? RemoveRun(run.ref, false) : Status();
    if (removed.ok()) {
      console.Result(run.ref.id.value());
    } else {
      code = console.Fail(removed.error());
    }
  }
  if (options.yes) {
    const fabro::Result<std::vector<std::string>> swept = SweepSandboxes(*storage);
    if (!swept.ok()) return console.Fail(swept.error());
    for (const std::string& line : *swept) console.Say(line);
  }
  console.Say(std::to_string(count) +
              (options.yes ? " runs removed" : " runs would be removed; do it: --yes"));
  return code;
}

}  // namespace fabro::cli
