// Files of this machine, with the errors that all providers share. Paths are absolute; links are
// followed, since `local` confines nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/byte_size.h"
#include "fabro/base/result.h"
#include "fabro/provider/provider.h"

namespace fabro::provider {

Result<std::string> ReadLocalFile(const std::string& path, ByteSize limit);
// Keeps the mode of a file that exists; parents are made.
Status WriteLocalFile(const std::string& path, std::string_view content);
Status DeleteLocalFile(const std::string& path);
Result<bool> LocalFileExists(const std::string& path);
// depth 0: no bound. Links are listed and not walked.
Result<std::vector<DirectoryEntry>> ListLocalDirectory(const std::string& path,
                                                       std::uint32_t depth);
// Streams a regular file; the target's parents are made.
Status CopyLocalFile(const std::string& from, const std::string& to);

}  // namespace fabro::provider
