#include "fabro/model/sandbox.h"

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
  return mode == NetworkMode::kNone ? "none" : "loopback";
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
  for (const NetworkMode mode : {NetworkMode::kNone, NetworkMode::kLoopback}) {
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

}  // namespace fabro::model
