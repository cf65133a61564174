// The client's side of one call of the file helper, over the two pipes to it; what jail/files.h is
// made of. Knows nothing of Jails, so that it is tested against a helper without one.
//
// Each call uses its pipes up: on return they are closed, and the helper is about to end. What the
// helper says is checked like any input. A helper that ends in the middle, or says nothing for a
// minute, is kUnavailable, "file_helper_gone".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/jail/files.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::jail {

struct FilePipes {
  UniqueFd request;  // Write side.
  UniqueFd reply;    // Read side.
};

Status ReadFileOver(FilePipes pipes, std::string_view path, std::uint64_t limit,
                    const ByteSink& sink);
Status WriteFileOver(FilePipes pipes, std::string_view path, std::uint32_t mode,
                     const ByteSource& source);
Status DeleteFileOver(FilePipes pipes, std::string_view path);
Result<std::optional<FileEntry>> StatFileOver(FilePipes pipes, std::string_view path);
Result<std::vector<FileEntry>> ListFilesOver(FilePipes pipes, std::string_view path,
                                             std::uint32_t depth, std::size_t most);

}  // namespace fabro::jail
