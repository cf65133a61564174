// Searching text: the command lines of ripgrep and grep that mean the same, and the reading of what
// they print. Both are asked for NUL after the file name, so that names with colons are no riddle.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/duration.h"
#include "fabro/base/result.h"
#include "fabro/provider/provider.h"

namespace fabro::provider {

inline constexpr Nanos kGrepTimeout = std::chrono::seconds(30);
inline constexpr Nanos kGrepProbeTimeout = std::chrono::seconds(10);

enum class GrepTool { kRipgrep, kGrep };

// `path` is what stands before each result, so it must mean the same to the caller.
std::vector<std::string> GrepCommand(GrepTool tool, std::string_view pattern, std::string_view path,
                                     const GrepOptions& options);

// "file:line:text", sorted by path and line, at most `max_results`. Exit code 1 is no match;
// another is kInvalidArgument, grep_failed, with what stood on stderr.
Result<std::vector<std::string>> ReadGrepOutput(int exit_code, std::string_view out,
                                                std::string_view err, const GrepOptions& options);

// The whole operation over a sandbox's own Exec: probe once, run, read. From any thread.
class ExecGrep {
 public:
  Result<std::vector<std::string>> Run(Sandbox& sandbox, std::string_view pattern,
                                       std::string_view path, const GrepOptions& options);

 private:
  Result<GrepTool> Tool(Sandbox& sandbox);

  std::mutex mutex_;
  std::optional<GrepTool> tool_;  // Once it is known; two that look at the same time find the same.
};

}  // namespace fabro::provider
