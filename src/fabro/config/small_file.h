// A settings file's text, whoever wrote it. Internal to the room.
#pragma once

#include <optional>
#include <string>

#include "fabro/base/result.h"

namespace fabro::config {

// Empty: there is none. What is no regular file, or cannot be opened, is kInvalidArgument or
// kPermissionDenied "bad_settings". Reads one byte more than kMaxTomlSize at most: a longer text is
// for the parser to refuse.
Result<std::optional<std::string>> ReadSmallFile(const std::string& path);

}  // namespace fabro::config
