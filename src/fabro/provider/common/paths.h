// Paths and errors of file operations, the same for every provider.
#pragma once

#include <string>
#include <string_view>

#include "fabro/base/result.h"

namespace fabro::provider {

// Refuses the empty path and NUL bytes (kInvalidArgument, path_invalid); relative ones are taken
// below `working_directory`. Dots are left to the kernel, which knows where links lead.
Result<std::string> ResolvePath(std::string_view working_directory, std::string_view path);

// "/a/./b//../c" becomes "/a/c"; for providers without a kernel below them. Never above "/".
std::string NormalizePath(std::string_view absolute);

// The directory part of an absolute path; "/" for "/x".
std::string ParentOf(std::string_view absolute);

// The error of a file operation, with the reasons that jail/files.h lists.
Error FileFailure(int sys_errno, std::string_view path);
Error IsDirectory(std::string_view path);
Error NotRegular(std::string_view path);

}  // namespace fabro::provider
