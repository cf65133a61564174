#include "fabro/jail/plan/paths.h"

#include <algorithm>

#include "fabro/jail/child/wire.h"
#include "fabro/jail/plan/check.h"

namespace fabro::jail::plan {
namespace {

using Kind = MountPlan::Kind;

constexpr std::size_t kMaxListed = 32;
constexpr std::size_t kLongestName = 255;  // NAME_MAX
constexpr std::string_view kSharedMemory = "/dev/shm";

bool IsInside(std::string_view path, std::string_view top) {
  return path != top && IsWithin(path, top);
}

Error Refused(std::string_view path, std::string_view why, std::string fix) {
  return Invalid("allowed_paths", "--allow-path", std::string(path) + " " + std::string(why),
                 std::move(fix));
}

// A name of the tree's own top directory, one for each path.
std::string NameOf(std::string_view path) {
  if (path == "/tmp") return "tmp";
  if (path == "/var/tmp") return "var-tmp";
  if (path == kSharedMemory) return "shm";
  std::string name;
  for (const char c : path) {
    if (c == '/') {
      name += "%2F";
    } else if (c == '%') {
      name += "%25";
    } else {
      name += c;
    }
  }
  return name;
}

std::uint32_t ModeOf(std::string_view path) {
  const bool scratch = path == "/tmp" || path == "/var/tmp" || path == kSharedMemory;
  return scratch ? 01777 : 0755;
}

// Each blocked path as it was given, and as it is called in the root without links.
std::vector<std::string> BlockedNames(const model::SandboxSpec& spec, const HostFacts& facts) {
  std::vector<std::string> names;
  for (const GuestPath& path : spec.blocked_paths) names.push_back(path.value());
  for (const PlaceFacts& place : facts.blocked) {
    if (!place.resolved.empty()) names.push_back(place.resolved);
  }
  return names;
}

bool IsBlocked(const std::vector<std::string>& blocked, std::string_view path) {
  return std::ranges::find(blocked, path) != blocked.end();
}

// The length of the longest of `tops` that `path` is at or below; 0: of none.
std::size_t Longest(const std::vector<std::string>& tops, std::string_view path) {
  std::size_t longest = 0;
  for (const std::string& top : tops) {
    if (IsWithin(path, top)) longest = std::max(longest, top.size());
  }
  return longest;
}

// What the guest may write, as far as allowed_paths say it.
std::vector<std::string> AllowedNames(const model::SandboxSpec& spec) {
  if (!spec.allowed_paths)
    return {"/tmp", "/var/tmp", std::string(kSharedMemory), spec.home.value()};
  std::vector<std::string> names;
  for (const GuestPath& path : *spec.allowed_paths) names.push_back(path.value());
  return names;
}

const RootEntry* ShownAbove(const model::SandboxSpec& spec, const HostFacts& facts,
                            std::string_view path) {
  for (const RootEntry& entry : facts.root_entries) {
    if (entry.kind == RootEntry::Kind::kDirectory && IsWithin(path, entry.path) &&
        IsShown(spec, facts, entry)) {
      return &entry;
    }
  }
  return nullptr;
}

// Where an own mount of the private place would have to be made in what is read-only.
Status CheckMountPoint(const model::SandboxSpec& spec, const HostFacts& facts,
                       const std::string& path, const PlaceFacts& place) {
  if (ShownAbove(spec, facts, path) == nullptr) return {};
  const std::vector<std::string> blocked = BlockedNames(spec, facts);
  for (const std::string& top : blocked) {
    if (IsInside(path, top)) return {};  // Its mask is ours to make directories in.
  }
  if (place.kind == PlaceFacts::Kind::kNothing) {
    return Refused(path, "is not there in the read-only root, where it would be mounted",
                   "make the directory in the root, or allow a path outside of it");
  }
  if (place.resolved != path) {
    return Refused(path, "is a link to " + place.resolved, "allow " + place.resolved);
  }
  if (place.kind != PlaceFacts::Kind::kDirectory) {
    return Refused(path, "is no directory of the root", "allow a directory");
  }
  return {};
}

MountPlan MaskOf(const PlaceFacts& place) {
  MountPlan step;
  step.kind = place.kind == PlaceFacts::Kind::kDirectory ? Kind::kEmptyDirectory : Kind::kCover;
  step.target = place.resolved;
  step.mode = 0;
  return step;
}

// Something of ours or of the guest is below: its directory has to be passable.
bool LeadsOn(const model::SandboxSpec& spec, const std::vector<WritablePlace>& places,
             std::string_view path) {
  for (const WritablePlace& place : places) {
    if (IsInside(place.target, path)) return true;
  }
  for (const model::Bind& bind : spec.binds) {
    if (IsInside(bind.target.value(), path)) return true;
  }
  return false;
}

}  // namespace

Status CheckPaths(const model::SandboxSpec& spec) {
  if (spec.blocked_paths.size() > kMaxListed) {
    return Invalid("blocked_paths", "--block-path", "are more than 32");
  }
  for (const GuestPath& path : spec.blocked_paths) {
    TRY(CheckGuestPath(path.value(), "blocked_paths", "--block-path"));
    for (const model::Bind& bind : spec.binds) {
      if (bind.target == path) {
        return Invalid("blocked_paths", "--block-path", path.value() + " is what a bind shows",
                       "leave out one of the two");
      }
    }
  }
  if (!spec.allowed_paths) return {};
  if (spec.allowed_paths->size() > wire::kMaxPlaces - 1) {
    return Invalid("allowed_paths", "--allow-path",
                   "are more than " + std::to_string(wire::kMaxPlaces - 1));
  }
  for (const GuestPath& allowed : *spec.allowed_paths) {
    const std::string& path = allowed.value();
    TRY(CheckGuestPath(path, "allowed_paths", "--allow-path"));
    if (path == kSharedMemory) continue;
    for (const std::string_view own : {"/proc", "/sys", "/dev", "/etc"}) {
      if (IsWithin(path, own)) {
        return Refused(path, "belongs to the sandbox's own " + std::string(own),
                       "allow a path outside of it");
      }
    }
    if (NameOf(path).size() > kLongestName) return Refused(path, "is too long", "shorten it");
    if (IsInside(spec.workspace.target.value(), path)) {
      return Refused(path, "holds the workspace", "allow a path beside the workspace");
    }
  }
  return {};
}

Result<std::vector<WritablePlace>> PlanPlaces(const model::SandboxSpec& spec,
                                              const HostFacts& facts) {
  const std::string& workspace = spec.workspace.target.value();
  const std::vector<std::string> blocked = BlockedNames(spec, facts);
  const std::vector<std::string> allowed = AllowedNames(spec);
  std::vector<WritablePlace> places = {{.name = "workspace", .target = workspace, .mode = 0755}};
  for (std::size_t i = 0; i < allowed.size(); ++i) {
    const std::string& path = allowed[i];
    if (IsWithin(path, workspace) || IsBlocked(blocked, path)) continue;
    const bool inside_other = std::ranges::any_of(
        allowed, [&](const std::string& other) { return IsInside(path, other); });
    const bool again = std::find(allowed.begin(), allowed.begin() + static_cast<std::ptrdiff_t>(i),
                                 path) != allowed.begin() + static_cast<std::ptrdiff_t>(i);
    if (inside_other || again) continue;
    if (spec.allowed_paths && i < facts.allowed.size()) {
      TRY(CheckMountPoint(spec, facts, path, facts.allowed[i]));
    }
    places.push_back({.name = path == spec.home.value() ? "home" : NameOf(path),
                      .target = path,
                      .mode = ModeOf(path)});
  }
  return places;
}

bool IsWritable(const std::vector<WritablePlace>& places, std::string_view path) {
  return std::ranges::any_of(
      places, [&](const WritablePlace& place) { return IsWithin(path, place.target); });
}

bool IsShown(const model::SandboxSpec& spec, const HostFacts& facts, const RootEntry& entry) {
  if (spec.blocked_paths.empty() && !spec.allowed_paths) return true;  // Each launch asks.
  if (Longest(BlockedNames(spec, facts), entry.path) > 0) return false;
  return !spec.allowed_paths || Longest(AllowedNames(spec), entry.path) == 0;
}

std::vector<MountPlan> PlanPlaceholders(const model::SandboxSpec& spec, const HostFacts& facts,
                                        const std::vector<WritablePlace>& places) {
  std::vector<MountPlan> steps;
  for (const GuestPath& each : spec.blocked_paths) {
    const std::string& path = each.value();
    const bool ours = path == "/proc" || path == "/sys" || path == "/dev" || path == "/etc" ||
                      IsInside(path, "/proc") || IsInside(path, "/sys") || IsInside(path, "/dev");
    if (ours || IsWritable(places, path) || ShownAbove(spec, facts, path) != nullptr) continue;
    const bool hides = std::ranges::any_of(facts.root_entries, [&](const RootEntry& entry) {
      return IsWithin(entry.path, path) && entry.kind != RootEntry::Kind::kFile;
    });
    if (!hides) continue;
    MountPlan parent;
    parent.target = path.substr(0, path.rfind('/'));
    if (!parent.target.empty()) steps.push_back(std::move(parent));
    MountPlan step;
    step.target = path;
    step.mode = LeadsOn(spec, places, path) ? 0111 : 0;
    steps.push_back(std::move(step));
  }
  // Outer ones first: each keeps its own mode.
  std::ranges::stable_sort(steps, {}, [](const MountPlan& step) { return step.target.size(); });
  return steps;
}

std::vector<MountPlan> PlanMasks(const model::SandboxSpec& spec, const HostFacts& facts) {
  std::vector<MountPlan> masks;
  if (facts.blocked.empty()) return masks;
  const std::vector<std::string> blocked = BlockedNames(spec, facts);
  std::vector<std::string> allowed = AllowedNames(spec);
  std::erase_if(allowed, [&](const std::string& path) { return IsBlocked(blocked, path); });
  for (const PlaceFacts& place : facts.blocked) {
    if (place.kind == PlaceFacts::Kind::kNothing) continue;
    const std::string& path = place.resolved;
    const bool in_bind = std::ranges::any_of(
        spec.binds, [&](const model::Bind& bind) { return IsInside(path, bind.target.value()); });
    if (!in_bind && ShownAbove(spec, facts, path) == nullptr) continue;
    const bool inside_other = std::ranges::any_of(
        blocked, [&](const std::string& other) { return IsInside(path, other); });
    const bool done =
        std::ranges::any_of(masks, [&](const MountPlan& mask) { return mask.target == path; });
    if (inside_other || done || (!in_bind && Longest(allowed, path) > 0)) continue;
    MountPlan mask = MaskOf(place);
    const bool passable = std::ranges::any_of(
        allowed, [&](const std::string& other) { return IsInside(other, path); });
    if (passable && mask.kind == Kind::kEmptyDirectory) mask.mode = 0111;
    masks.push_back(std::move(mask));
  }
  return masks;
}

bool NoProgramReachable(const model::SandboxSpec& spec, const HostFacts& facts) {
  const std::vector<std::string> blocked = BlockedNames(spec, facts);
  for (const std::string_view path : {"/usr/bin", "/usr/local/bin", "/usr/sbin", "/bin", "/sbin"}) {
    const bool there = std::ranges::any_of(facts.root_entries, [&](const RootEntry& entry) {
      return IsWithin(path, entry.path) && entry.kind == RootEntry::Kind::kDirectory;
    });
    if (there && Longest(blocked, path) == 0) return false;
  }
  // What an operator binds may be programs.
  return spec.binds.empty();
}

}  // namespace fabro::jail::plan
