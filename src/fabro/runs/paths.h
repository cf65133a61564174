// Where things lie in a run's directory (run specification, section 4). Internal to the room.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

namespace fabro::runs {

inline std::string BundlePath(const std::string& run_dir) {
  return run_dir + "/workflow_bundle.json";
}
inline std::string ServerLogPath(const std::string& run_dir) {
  return run_dir + "/runtime/server.log";
}
inline std::string ControlSocketPath(const std::string& run_dir) {
  return run_dir + "/runtime/control.sock";
}
// What of the artifacts was collected already.
inline std::string SeenPath(const std::string& run_dir) {
  return run_dir + "/runtime/artifacts.json";
}
inline std::string ResultPath(const std::string& run_dir) { return run_dir + "/result.tar.zst"; }
inline std::string ScratchDir(const std::string& storage) { return storage + "/scratch"; }

// `<storage>/scratch/<name>` → `<storage>`.
inline std::string StorageOf(const std::string& run_dir) {
  const std::size_t name = run_dir.rfind('/');
  return run_dir.substr(0, run_dir.rfind('/', name - 1));
}

// "stages/001-plan@1". Node ids are identifiers, so a stage id is a safe name.
inline std::string StageDirName(std::uint64_t index, const std::string& stage_id) {
  char rank[24];
  (void)std::snprintf(rank, sizeof rank, "%03llu", static_cast<unsigned long long>(index));
  return std::string("stages/") + rank + "-" + stage_id;
}

}  // namespace fabro::runs
