#include "fabro/model/sandbox.h"

#include <algorithm>
#include <chrono>

namespace fabro::model {

std::string_view ToString(Level level) {
  switch (level) {
    case Level::kLow:
      return "low";
    case Level::kMedium:
      return "medium";
    case Level::kHigh:
      return "high";
  }
  return "?";
}

std::string_view ToString(NetworkMode mode) {
  switch (mode) {
    case NetworkMode::kNone:
      return "none";
    case NetworkMode::kLoopback:
      return "loopback";
    case NetworkMode::kEgress:
      return "egress";
  }
  return "?";
}

std::string_view ToString(Launch launch) { return launch == Launch::kStrict ? "strict" : "sealed"; }

std::string_view ToString(WorkspaceKind kind) {
  return kind == WorkspaceKind::kMemory ? "memory" : "disk";
}

std::optional<Level> ParseLevel(std::string_view word) {
  for (const Level level : {Level::kLow, Level::kMedium, Level::kHigh}) {
    if (word == ToString(level)) return level;
  }
  return std::nullopt;
}

std::optional<NetworkMode> ParseNetworkMode(std::string_view word) {
  for (const NetworkMode mode :
       {NetworkMode::kNone, NetworkMode::kLoopback, NetworkMode::kEgress}) {
    if (word == ToString(mode)) return mode;
  }
  return std::nullopt;
}

std::optional<WorkspaceKind> ParseWorkspaceKind(std::string_view word) {
  for (const WorkspaceKind kind : {WorkspaceKind::kMemory, WorkspaceKind::kDisk}) {
    if (word == ToString(kind)) return kind;
  }
  return std::nullopt;
}

Limits DefaultLimits() {
  return Limits{.memory = 512_MiB,
                .pids = 10,
                .cpu_millis = std::nullopt,
                .cpu_time = std::chrono::seconds(30),
                .wall_time = std::chrono::seconds(60),
                .open_files = 100,
                .output = 1_MiB};
}

namespace {

bool GoodTag(std::string_view tag) {
  constexpr std::size_t kMaxTag = 128;  // OCI distribution specification.
  return !tag.empty() && tag.size() <= kMaxTag && tag.front() != '.' && tag.front() != '-' &&
         std::ranges::all_of(tag, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '_' || c == '.' || c == '-';
         });
}

}  // namespace

std::optional<RootSource> ParseRootSource(std::string_view text) {
  using Kind = RootSource::Kind;
  constexpr std::size_t kPrefix = 4;  // Of "dir:", "tar:" and "oci:".
  RootSource source;
  if (text == "host-dirs") return source;
  if (text.starts_with("dir:")) source.kind = Kind::kDir;
  if (text.starts_with("tar:")) source.kind = Kind::kTar;
  if (text.starts_with("oci:")) source.kind = Kind::kOci;
  if (source.kind == Kind::kHostDirs) return std::nullopt;
  std::string_view path = text.substr(kPrefix);
  const std::size_t colon = path.rfind(':');
  // A colon in the path is no tag when what follows is none.
  if (source.kind == Kind::kOci && colon != std::string_view::npos &&
      GoodTag(path.substr(colon + 1))) {
    source.tag = path.substr(colon + 1);
    path = path.substr(0, colon);
  }
  if (path.empty()) return std::nullopt;
  source.dir = HostPath(std::string(path));
  return source;
}

std::string ToString(const RootSource& source) {
  using Kind = RootSource::Kind;
  switch (source.kind) {
    case Kind::kHostDirs:
      return "host-dirs";
    case Kind::kDir:
      return "dir:" + source.dir.value();
    case Kind::kTar:
      return "tar:" + source.dir.value();
    case Kind::kOci:
      return "oci:" + source.dir.value() + (source.tag.empty() ? "" : ":" + source.tag);
  }
  return "?";
}

}  // namespace fabro::model
