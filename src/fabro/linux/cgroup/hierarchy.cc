#include "fabro/linux/cgroup/hierarchy.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "fabro/linux/file.h"

namespace fabro::cgroup {
namespace {

constexpr std::array kNames = {std::string_view("cpu"), std::string_view("cpuacct"),
                               std::string_view("memory"), std::string_view("pids"),
                               std::string_view("freezer")};

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end != 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

bool Contains(std::string_view list, char separator, std::string_view name) {
  const std::vector<std::string_view> parts = Split(list, separator);
  return std::find(parts.begin(), parts.end(), name) != parts.end();
}

// /proc/self/mountinfo writes blanks and backslashes as octal escapes (proc(5)).
std::string Unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      const int code = (text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0');
      plain += static_cast<char>(code);
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

struct CgroupMount {
  Version version;
  std::string root;  // The group that is seen at the mount point.
  std::string mount_point;
  std::string options;  // Of the super block; on v1 the controllers are among them.
};

// "31 23 0:28 /root /mount/point rw,relatime shared:1 - cgroup2 cgroup2 rw,nsdelegate"
std::optional<CgroupMount> ParseMount(std::string_view line) {
  const std::size_t dash = line.find(" - ");
  if (dash == std::string_view::npos) return std::nullopt;
  const std::vector<std::string_view> before = Split(line.substr(0, dash), ' ');
  const std::vector<std::string_view> after = Split(line.substr(dash + 3), ' ');
  if (before.size() < 6 || after.size() < 3) return std::nullopt;
  if (after[0] != "cgroup" && after[0] != "cgroup2") return std::nullopt;
  return CgroupMount{.version = after[0] == "cgroup2" ? Version::kV2 : Version::kV1,
                     .root = Unescape(before[3]),
                     .mount_point = Unescape(before[4]),
                     .options = std::string(after[2])};
}

// Our group as a path below the mount point; none when the mount does not show it.
std::optional<std::string> Below(const CgroupMount& mount, std::string_view own) {
  if (own.starts_with("/..")) return std::nullopt;  // Outside our cgroup namespace's root.
  if (mount.root == "/") return std::string(own.substr(1));
  if (!own.starts_with(mount.root)) return std::nullopt;
  own.remove_prefix(mount.root.size());
  if (own.empty()) return std::string();
  if (own.front() != '/') return std::nullopt;
  return std::string(own.substr(1));
}

struct Seen {
  std::vector<CgroupMount> mounts;
  std::map<std::string, std::string, std::less<>> v1_own;  // Controller name to path.
  std::optional<std::string> v2_own;
};

Seen Read(std::string_view proc_cgroup, std::string_view mountinfo) {
  Seen seen;
  for (const std::string_view line : Split(mountinfo, '\n')) {
    std::optional<CgroupMount> mount = ParseMount(line);
    if (mount.has_value()) seen.mounts.push_back(*std::move(mount));
  }
  // "4:memory,hugetlb:/path", "0::/path" for v2; the path itself may have colons.
  for (const std::string_view line : Split(proc_cgroup, '\n')) {
    const std::size_t first = line.find(':');
    if (first == std::string_view::npos) continue;
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string path(line.substr(second + 1));
    if (line.substr(0, first) == "0") seen.v2_own = path;
    for (const std::string_view name : Split(line.substr(first + 1, second - first - 1), ',')) {
      seen.v1_own[std::string(name)] = path;
    }
  }
  return seen;
}

std::optional<Place> FindUnified(const Seen& seen) {
  if (!seen.v2_own.has_value()) return std::nullopt;
  for (const CgroupMount& mount : seen.mounts) {
    if (mount.version != Version::kV2) continue;
    const std::optional<std::string> own = Below(mount, *seen.v2_own);
    if (!own.has_value()) continue;
    Place place{Version::kV2, mount.mount_point, *own, {}};
    const Result<std::string> list =
        ReadFile(mount.mount_point + "/" + *own + "/cgroup.controllers");
    if (!list) continue;  // Not a mount that we can look into.
    std::string words = *list;
    std::replace(words.begin(), words.end(), '\n', ' ');
    for (const Controller c : {Controller::kCpu, Controller::kMemory, Controller::kPids}) {
      if (Contains(words, ' ', ControllerName(c))) place.controllers.Add(c);
    }
    return place;
  }
  return std::nullopt;
}

std::optional<Place> FindV1(const Seen& seen, Controller controller) {
  const auto own = seen.v1_own.find(ControllerName(controller));
  if (own == seen.v1_own.end()) return std::nullopt;
  for (const CgroupMount& mount : seen.mounts) {
    if (mount.version != Version::kV1) continue;
    if (!Contains(mount.options, ',', ControllerName(controller))) continue;
    const std::optional<std::string> path = Below(mount, own->second);
    if (path.has_value()) return Place{Version::kV1, mount.mount_point, *path, {}};
  }
  return std::nullopt;
}

Error Missing(std::string_view what) {
  return Failure(Code::kFailedPrecondition,
                 "control groups: the " + std::string(what) + " is not available to this process",
                 kUnavailable,
                 "mount the cgroup file systems, or have them delegated: systemd-run --scope -p "
                 "Delegate=yes faber ...");
}

// Adds `controller` to the place that has it, v1 places only (v2 ones are found with their
// controllers).
Status AddV1(const Seen& seen, Controller controller, std::vector<Place>& places) {
  std::optional<Place> found = FindV1(seen, controller);
  if (!found.has_value()) {
    return Missing("controller " + std::string(ControllerName(controller)));
  }
  const auto same = std::find_if(places.begin(), places.end(), [&](const Place& place) {
    return place.mount_point == found->mount_point;
  });
  Place& place = same != places.end() ? *same : places.emplace_back(*std::move(found));
  place.controllers.Add(controller);
  return {};
}

}  // namespace

std::string_view ControllerName(Controller controller) {
  return kNames[static_cast<std::size_t>(controller)];
}

Result<Hierarchy> DetectFrom(std::string_view proc_cgroup, std::string_view mountinfo) {
  const Seen seen = Read(proc_cgroup, mountinfo);
  Hierarchy result;
  const std::optional<Place> unified = FindUnified(seen);
  if (unified.has_value()) result.places.push_back(*unified);
  bool any_v1 = false;
  for (const Controller c : {Controller::kMemory, Controller::kPids, Controller::kCpu}) {
    if (unified.has_value() && unified->controllers.Has(c)) continue;
    TRY(AddV1(seen, c, result.places));
    any_v1 = true;
  }
  // The v2 tree counts CPU time and kills; without one it takes two more of v1.
  if (!unified.has_value()) {
    TRY(AddV1(seen, Controller::kCpuacct, result.places));
    TRY(AddV1(seen, Controller::kFreezer, result.places));
  }
  result.mode = !unified.has_value() ? Mode::kV1 : any_v1 ? Mode::kHybrid : Mode::kV2;
  return result;
}

Result<Hierarchy> Detect() {
  const std::string proc_cgroup = TRY(ReadFile("/proc/self/cgroup"));
  const std::string mountinfo = TRY(ReadFile("/proc/self/mountinfo"));
  return DetectFrom(proc_cgroup, mountinfo);
}

}  // namespace fabro::cgroup
