#include "fabro/jail/supervise/planning.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fabro::jail::supervise {
namespace {

constexpr std::size_t kMostKept = 16;

struct Stamp {
  dev_t device = 0;
  ino_t inode = 0;
  std::time_t seconds = 0;
  long nanos = 0;
  friend bool operator==(const Stamp&, const Stamp&) = default;
};
// Of the directories in which the entries of plan::HostDirs() and plan::HostEtc() stand.
using Stamps = std::array<Stamp, 3>;

std::optional<Stamps> StampsNow() {
  constexpr std::array<const char*, 3> kParents = {"/", "/etc", "/etc/ssl"};
  Stamps stamps;
  for (std::size_t i = 0; i < kParents.size(); ++i) {
    struct stat info{};
    if (::stat(kParents[i], &info) != 0) return std::nullopt;
    stamps[i] = {info.st_dev, info.st_ino, info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
  }
  return stamps;
}

struct Kept {
  std::string wish;
  Stamps stamps;
  Planned planned;
};

Result<Planned> PlanAnew(const model::SandboxSpec& spec, const Sources& sources) {
  Planned planned;
  planned.facts = TRY(GatherFacts(spec, sources));
  planned.plan = TRY(plan::PlanJail(spec, planned.facts));
  return planned;
}

// Nothing was looked at for it but what Stamps tell of.
bool ShowsTheUsual(const model::SandboxSpec& spec, const Sources& sources) {
  const model::SandboxSpec usual;
  return !sources.root_dir && !sources.workspace && sources.binds.empty() && !spec.allowed_paths &&
         spec.blocked_paths.empty() && spec.home == usual.home &&
         spec.workspace.target == usual.workspace.target;
}

}  // namespace

Result<Planned> PlanWish(std::string_view wish, const model::SandboxSpec& spec,
                         const Sources& sources) {
  static std::vector<Kept> kept;
  const std::optional<Stamps> stamps = ShowsTheUsual(spec, sources) ? StampsNow() : std::nullopt;
  if (!stamps) return PlanAnew(spec, sources);
  const auto found =
      std::find_if(kept.begin(), kept.end(), [&](const Kept& each) { return each.wish == wish; });
  if (found != kept.end() && found->stamps == *stamps) return found->planned;
  if (found != kept.end()) kept.erase(found);
  Planned planned = TRY(PlanAnew(spec, sources));
  if (kept.size() == kMostKept) kept.erase(kept.begin());
  kept.push_back({std::string(wish), *stamps, planned});
  return planned;
}

}  // namespace fabro::jail::supervise
