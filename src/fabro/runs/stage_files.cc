#include "fabro/runs/stage_files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "fabro/linux/file.h"
#include "fabro/runs/paths.h"

namespace fabro::runs {

Result<StageFiles::File> StageFiles::OpenFile(const std::string& path) {
  File file;
  file.fd = TRY(Open(path, O_WRONLY | O_CREAT | O_APPEND, 0600));
  struct stat info{};
  if (::fstat(file.fd.get(), &info) != 0) return SysFailure("fstat", path);
  file.size = static_cast<std::uint64_t>(info.st_size);
  return file;
}

Result<model::Json> StageFiles::Begin(std::uint64_t index, const std::string& stage_id) {
  const std::string dir = StageDirName(index, stage_id);
  TRY(MakeDirs(run_dir_ + "/" + dir, 0700));
  File out = TRY(OpenFile(run_dir_ + "/" + dir + "/stdout.log"));
  File err = TRY(OpenFile(run_dir_ + "/" + dir + "/stderr.log"));
  model::Json where;
  where.Set("dir", dir).Set("stdout_offset", out.size).Set("stderr_offset", err.size);
  const std::lock_guard lock(mutex_);
  if (open_.size() >= kOpenStages) {
    open_.erase(std::min_element(open_.begin(), open_.end(), [](const auto& a, const auto& b) {
      return a.second.used < b.second.used;
    }));
  }
  open_[index] = {.out = std::move(out), .err = std::move(err), .used = ++begins_};
  return where;
}

Status StageFiles::Append(std::uint64_t index, provider::Stream stream, std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  const auto found = open_.find(index);
  if (found == open_.end()) return Failure(Code::kInternal, "output of a stage that never began");
  File& file = stream == provider::Stream::kStdout ? found->second.out : found->second.err;
  const std::uint64_t room = kLimit.bytes() - std::min(kLimit.bytes(), file.size);
  file.size += bytes.size();
  if (room == 0) return {};
  TRY_IN("keeping the output of a stage", WriteFd(file.fd.get(), bytes.substr(0, room)));
  return {};
}

}  // namespace fabro::runs
