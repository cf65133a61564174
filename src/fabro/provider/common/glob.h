// The one glob matcher of all providers: walk in the sandbox, match here.
//
// Case-sensitive; `*` and `?` stay within a segment, `[a-z]` and `[!a-z]` are one character, `**`
// is any number of whole segments and stands only as a whole segment; leading dots match like any
// other character. No escapes: a pattern with a backslash, a `..`, a leading `/` or an open bracket
// is refused (agent, section 4.3).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/provider/provider.h"

namespace fabro::provider {

class GlobPattern {
 public:
  // kInvalidArgument, pattern_invalid, with the place.
  static Result<GlobPattern> Parse(std::string_view pattern);

  // `relative`: "src/a.c", without leading or doubled slashes.
  bool Matches(std::string_view relative) const;

  // The leading segments without a wildcard, "src/lib"; never the last segment. Only below it can
  // anything match.
  std::string FixedPrefix() const;

  // How many segments deep below FixedPrefix() matches lie; 0: any depth.
  std::uint32_t Depth() const;

 private:
  std::vector<std::string> segments_;
};

// One segment against one segment pattern. Linear in the text, however many stars.
bool MatchesSegment(std::string_view pattern, std::string_view text);

// Lists the directory (second: depth, 0 for all).
using Lister =
    std::function<Result<std::vector<DirectoryEntry>>(const std::string&, std::uint32_t)>;

// The files (no directories) below `base` that match, relative to it, in byte order. A `base` that
// is missing is the lister's error; a missing fixed prefix is no match.
Result<std::vector<std::string>> GlobBelow(std::string_view pattern, const std::string& base,
                                           const Lister& list);

}  // namespace fabro::provider
