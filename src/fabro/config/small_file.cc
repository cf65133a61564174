#include "fabro/config/small_file.h"

#include <array>
#include <filesystem>
#include <fstream>

#include "fabro/config/toml.h"

namespace fabro::config {

Result<std::optional<std::string>> ReadSmallFile(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code failed;
  const fs::file_status status = fs::status(path, failed);
  if (status.type() == fs::file_type::not_found) return std::optional<std::string>();
  if (failed) return SysFailureOf(failed.value(), "stat", path);
  if (status.type() != fs::file_type::regular) {
    return Failure(Code::kInvalidArgument, "'" + path + "' is not a regular file", "bad_settings");
  }
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    return Failure(Code::kPermissionDenied, "cannot open '" + path + "'", "bad_settings");
  }
  std::string text;
  std::array<char, 1U << 14U> chunk{};
  while (stream && text.size() <= kMaxTomlSize.bytes()) {
    stream.read(chunk.data(), chunk.size());
    text.append(chunk.data(), static_cast<std::size_t>(stream.gcount()));
  }
  return std::optional<std::string>(std::move(text));
}

}  // namespace fabro::config
