// The output of a run's stages on disk: `stages/001-build@1/stdout.log` and stderr.log, appended as
// it comes, so that attempts and reruns follow one another in one file and nothing that was shown
// is lost. Events refer to it by directory and offset. Stages of parallel branches write at once.
// Internal to the room.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "fabro/base/byte_size.h"
#include "fabro/linux/unique_fd.h"
#include "fabro/workflow/engine/engine.h"

namespace fabro::runs {

class StageFiles final : public workflow::StageOutput {
 public:
  // Of each stream of a stage at most this much is kept; what comes after it is counted only.
  static constexpr ByteSize kLimit = 256_MiB;

  explicit StageFiles(std::string run_dir) : run_dir_(std::move(run_dir)) {}

  Result<model::Json> Begin(std::uint64_t index, const std::string& stage_id) override;
  Status Append(std::uint64_t index, provider::Stream stream, std::string_view bytes) override;

 private:
  struct File {
    UniqueFd fd;
    std::uint64_t size = 0;
  };
  Result<File> OpenFile(const std::string& path);

  std::string run_dir_;
  struct Files {
    File out;
    File err;
    std::uint64_t used = 0;  // When, in Begins.
  };
  // More stages than this do not run at once; the files of older ones are closed.
  static constexpr std::size_t kOpenStages = 128;

  std::mutex mutex_;
  std::map<std::uint64_t, Files> open_;  // By index; guarded by mutex_, as is the next.
  std::uint64_t begins_ = 0;
};

}  // namespace fabro::runs
