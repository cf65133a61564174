// Files of a Jail, by a static helper of ours that runs inside it as the task's user: paths mean
// what they mean inside, links cannot lead out, limits hold, and nobody's shell is needed. Every
// call starts the helper once; calls may run at the same time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/jail/jail.h"

namespace fabro::jail {

struct FileEntry {
  std::string path;  // Relative to the directory asked for; parents before children, byte order.
  enum class Kind { kRegular, kDirectory, kSymlink, kOther } kind = Kind::kRegular;
  std::uint64_t size = 0;     // Regular files.
  std::int64_t mtime_ns = 0;  // Since the epoch.
  std::uint32_t mode = 0;     // Permission bits.
};

// Sinks and sources stream, so that a file of any size passes.
using ByteSink = std::function<Status(std::string_view)>;
using ByteSource = std::function<Result<std::string>(std::size_t most)>;  // Empty: the end.

// `path` is absolute inside. Errors: reason file_not_found, file_is_directory, file_not_regular,
// file_too_large (more than `limit` bytes), file_denied, no_space.
Status ReadFile(Jail& jail, std::string_view path, std::uint64_t limit, const ByteSink& sink);
// Parents are made; written beside the target and renamed over it.
Status WriteFile(Jail& jail, std::string_view path, std::uint32_t mode, const ByteSource& source);
Status DeleteFile(Jail& jail, std::string_view path);  // Regular files and links only.
Result<std::optional<FileEntry>> StatFile(Jail& jail,
                                          std::string_view path);  // nullopt: not there.
// depth 1: the directory's own entries; 0: no bound. At most `most` entries, else
// resource_exhausted.
Result<std::vector<FileEntry>> ListFiles(Jail& jail, std::string_view path, std::uint32_t depth,
                                         std::size_t most);

}  // namespace fabro::jail
