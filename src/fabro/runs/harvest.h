// What is taken out of a run's sandbox: artifacts after each stage (workflow language, 18) and,
// when no verified ref holds it, the workspace itself (sandboxes specification, 8.4). Everything
// there is the guest's: names are checked, sizes are limited, archives are not opened. Internal to
// the room.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "fabro/base/byte_size.h"
#include "fabro/base/result.h"
#include "fabro/provider/provider.h"

namespace fabro::runs {

struct Artifact {
  std::string path;  // Relative, as in the workspace; below `<run>/artifacts/<stage id>/`.
  std::string sha256;
  std::uint64_t size = 0;
};

struct Collected {
  std::vector<Artifact> artifacts;
  std::vector<std::string> notes;  // What was left out and why.
};

// Collects files that match the globs and are new or changed since the last call, or since Begin.
// What was seen is kept in `<run>/runtime/artifacts.json`, so that a resume neither misses what a
// stage made before the crash nor takes a file twice.
class ArtifactCollector {
 public:
  static constexpr ByteSize kFileLimit = 10_MiB;
  static constexpr ByteSize kCollectionLimit = 50_MiB;
  static constexpr std::size_t kMaxFiles = 100;

  ArtifactCollector(provider::Sandbox& sandbox, std::vector<std::string> globs,
                    std::string run_dir);

  // The state that an earlier worker of this run kept, else what is there now.
  Status Begin();
  Result<Collected> Collect(const std::string& stage_id);
  // After the events of what was collected are on disk.
  Status Keep();

 private:
  Status Write();
  struct Seen {
    std::uint64_t size = 0;
    std::int64_t mtime_ns = 0;
    friend bool operator==(const Seen&, const Seen&) = default;
  };
  Result<std::map<std::string, Seen>> Matching();

  provider::Sandbox& sandbox_;
  std::vector<std::string> globs_;
  std::string run_dir_;
  std::map<std::string, Seen> seen_;
  std::map<std::string, Seen> kept_;  // What the file holds: writing it costs an fsync.
};

// True for a relative path without "..", empty parts or control characters.
bool IsPlainRelative(std::string_view path);

// Streams the workspace as tar, compressed by zstd, into `path` (0600, by rename). More than
// `limit` compressed bytes: kResourceExhausted "result_too_large", and nothing is left.
Status SaveWorkspace(provider::Sandbox& sandbox, const std::string& path, ByteSize limit);

}  // namespace fabro::runs
