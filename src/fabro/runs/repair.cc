#include <fcntl.h>
#include <sys/stat.h>

#include <ctime>
#include <utility>

#include "fabro/linux/file.h"
#include "fabro/runs/create.h"
#include "fabro/runs/paths.h"
#include "fabro/runs/projections.h"
#include "fabro/runs/upkeep.h"
#include "fabro/store/run_lock.h"

namespace fabro::runs {
namespace {

constexpr std::size_t kPage = 512;

// Everything beside the store, from the store.
Status Rewrite(const RunRef& run) {
  const store::RunLock lock = TRY(store::RunLock::Acquire(run.dir));
  const RunSpec spec = TRY(Spec(run));
  auto events = TRY(store::OpenRunDb(run.dir, true));
  TRY(RemoveTree(run.dir + "/events.jsonl"));
  TRY(RemoveTree(run.dir + "/checkpoints"));
  TRY(ReplaceFile(run.dir + "/graph.fabro", spec.graph_source, 0600));
  Projections projections(run.dir, spec);
  for (std::uint64_t after = 0;;) {
    const std::vector<model::Event> page = TRY(events->Read(after, kPage));
    if (page.empty()) return {};
    for (const model::Event& event : page) projections.Write(event);
    after = page.back().seq;
  }
}

// ".2026…-01J…" is a run that was never whole, ".rm-…" one that is half removed.
Status RemoveHalves(const std::string& storage, std::vector<std::string>& done) {
  const auto dir = OpenDir(ScratchDir(storage));
  if (!dir.ok()) return dir.error().sys_errno == ENOENT ? Status() : Status(dir.error());
  const std::vector<std::string> names = TRY(ListDir(dir->get()));
  for (const std::string& name : names) {
    if (!name.starts_with('.')) continue;
    // One that is young may be in the making.
    struct stat info{};
    if (::fstatat(dir->get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    constexpr std::time_t kYoung = 600;
    if (!name.starts_with(".rm-") && std::time(nullptr) - info.st_mtime < kYoung) continue;
    TRY(RemoveTreeAt(dir->get(), name));
    done.push_back("removed what was left of " + name);
  }
  return {};
}

}  // namespace

Result<Repaired> Repair(const std::string& storage) {
  Repaired repaired;
  const std::vector<RunRef> refs = TRY(AllRefs(storage));
  auto index = TRY(store::IndexDb::Open(storage));
  const std::vector<store::IndexRow> rows = TRY(index->All());
  for (const store::IndexRow& row : rows) TRY(index->Remove(row.run));
  for (const RunRef& run : refs) {
    Status rewritten = Rewrite(run);
    const auto summary = Inspect(run);
    if (summary.ok()) TRY(index->Put(RowOf(*summary)));
    if (rewritten.ok()) {
      ++repaired.runs;
    } else {
      repaired.skipped.push_back(run.id.value() + ": " + rewritten.error().message);
    }
  }
  repaired.done.push_back("index.db: " + std::to_string(refs.size() - repaired.skipped.size()) +
                          " runs written anew");
  TRY(RemoveHalves(storage, repaired.done));
  return repaired;
}

}  // namespace fabro::runs
