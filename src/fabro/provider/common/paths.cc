#include "fabro/provider/common/paths.h"

#include <cerrno>
#include <vector>

namespace fabro::provider {

Result<std::string> ResolvePath(std::string_view working_directory, std::string_view path) {
  if (path.empty()) return Failure(Code::kInvalidArgument, "the path is empty", "path_invalid");
  if (path.find('\0') != std::string_view::npos) {
    return Failure(Code::kInvalidArgument, "the path contains a NUL byte", "path_invalid");
  }
  if (path.front() == '/') return std::string(path);
  if (path == ".") return std::string(working_directory);
  std::string full(working_directory);
  if (full.empty() || full.back() != '/') full += '/';
  return full.append(path);
}

std::string NormalizePath(std::string_view absolute) {
  std::vector<std::string_view> parts;
  while (!absolute.empty()) {
    const std::size_t end = absolute.find('/');
    const std::string_view part = absolute.substr(0, end);
    absolute.remove_prefix(end == std::string_view::npos ? absolute.size() : end + 1);
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  std::string normal;
  for (const std::string_view part : parts) normal.append("/").append(part);
  return normal.empty() ? "/" : normal;
}

std::string ParentOf(std::string_view absolute) {
  const std::size_t slash = absolute.rfind('/');
  if (slash == std::string_view::npos || slash == 0) return "/";
  return std::string(absolute.substr(0, slash));
}

Error FileFailure(int sys_errno, std::string_view path) {
  Error error = SysFailureOf(sys_errno, "file", path);
  switch (sys_errno) {
    case ENOENT:
    case ENOTDIR:
      error.code = Code::kNotFound;
      error.reason = "file_not_found";
      break;
    case EISDIR:
      return IsDirectory(path);
    case EACCES:
    case EPERM:
    case EROFS:
      error.reason = "file_denied";
      break;
    case ENOSPC:
    case EDQUOT:
      error.reason = "no_space";
      break;
    case ENXIO:
      return NotRegular(path);
    default:
      break;
  }
  return error;
}

Error IsDirectory(std::string_view path) {
  return Failure(Code::kFailedPrecondition, std::string(path) + " is a directory",
                 "file_is_directory");
}

Error NotRegular(std::string_view path) {
  return Failure(Code::kFailedPrecondition, std::string(path) + " is not a regular file",
                 "file_not_regular");
}

}  // namespace fabro::provider
