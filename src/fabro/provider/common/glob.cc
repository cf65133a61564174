#include "fabro/provider/common/glob.h"

#include <algorithm>

namespace fabro::provider {
namespace {

constexpr std::string_view kAnyDepth = "**";

std::vector<std::string> Split(std::string_view text) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t slash = text.find('/');
    parts.emplace_back(text.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    text.remove_prefix(slash + 1);
  }
}

Error Invalid(std::string_view pattern, std::string_view why) {
  return Failure(Code::kInvalidArgument,
                 "glob pattern '" + std::string(pattern) + "': " + std::string(why),
                 "pattern_invalid");
}

// The length of the set that starts at `[`, or 0 when it never ends. "]" first in a set is itself.
std::size_t SetLength(std::string_view pattern) {
  std::size_t at = 1;
  if (at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^')) ++at;
  if (at < pattern.size() && pattern[at] == ']') ++at;
  const std::size_t end = pattern.find(']', at);
  return end == std::string_view::npos ? 0 : end + 1;
}

// `set` with its brackets.
bool InSet(std::string_view set, char c) {
  std::string_view inner = set.substr(1, set.size() - 2);
  const bool negated = inner.front() == '!' || inner.front() == '^';
  if (negated) inner.remove_prefix(1);
  const auto value = static_cast<unsigned char>(c);
  bool found = false;
  for (std::size_t i = 0; i < inner.size(); ++i) {
    const auto low = static_cast<unsigned char>(inner[i]);
    auto high = low;
    if (i + 2 < inner.size() && inner[i + 1] == '-') {
      high = static_cast<unsigned char>(inner[i + 2]);
      i += 2;
    }
    found = found || (low <= value && value <= high);
  }
  return found != negated;
}

// One character, or set, at the head of `pattern` against `c`; how much of the pattern that was,
// 0 for no match.
std::size_t MatchOne(std::string_view pattern, char c) {
  if (pattern.empty() || pattern.front() == '*') return 0;
  if (pattern.front() == '?') return 1;
  if (pattern.front() != '[') return pattern.front() == c ? 1 : 0;
  const std::size_t length = SetLength(pattern);
  return InSet(pattern.substr(0, length), c) ? length : 0;
}

bool IsWild(std::string_view segment) {
  return segment.find_first_of("*?[") != std::string_view::npos;
}

Status CheckSegment(std::string_view pattern, std::string_view segment) {
  if (segment.empty()) return Invalid(pattern, "has an empty segment");
  if (segment == "..") return Invalid(pattern, "'..' is not allowed");
  if (segment == ".") return Invalid(pattern, "'.' is not allowed");
  if (segment != kAnyDepth && segment.find(kAnyDepth) != std::string_view::npos) {
    return Invalid(pattern, "'**' stands only as a whole segment");
  }
  for (std::size_t at = segment.find('['); at != std::string_view::npos;) {
    const std::size_t length = SetLength(segment.substr(at));
    if (length == 0) return Invalid(pattern, "has a '[' without ']'");
    at = segment.find('[', at + length);
  }
  return {};
}

}  // namespace

Result<GlobPattern> GlobPattern::Parse(std::string_view pattern) {
  if (pattern.empty()) return Invalid(pattern, "is empty");
  if (pattern.front() == '/') return Invalid(pattern, "must be relative");
  if (pattern.find('\\') != std::string_view::npos) return Invalid(pattern, "has a backslash");
  if (pattern.find('\0') != std::string_view::npos) return Invalid(pattern, "has a NUL byte");
  GlobPattern parsed;
  parsed.segments_ = Split(pattern);
  for (const std::string& segment : parsed.segments_) TRY(CheckSegment(pattern, segment));
  return parsed;
}

// The greedy star with one point to come back to: no exponential patterns.
bool MatchesSegment(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      resume = t;
    } else if (const std::size_t used = MatchOne(pattern.substr(p), text[t]); used > 0) {
      p += used;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool GlobPattern::Matches(std::string_view relative) const {
  const std::vector<std::string> parts = Split(relative);
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < parts.size()) {
    if (p < segments_.size() && segments_[p] == kAnyDepth) {
      star = ++p;
      resume = t;
    } else if (p < segments_.size() && MatchesSegment(segments_[p], parts[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < segments_.size() && segments_[p] == kAnyDepth) ++p;
  return p == segments_.size();
}

std::string GlobPattern::FixedPrefix() const {
  std::string prefix;
  for (std::size_t i = 0; i + 1 < segments_.size() && !IsWild(segments_[i]); ++i) {
    if (!prefix.empty()) prefix += '/';
    prefix += segments_[i];
  }
  return prefix;
}

std::uint32_t GlobPattern::Depth() const {
  std::size_t fixed = 0;
  while (fixed + 1 < segments_.size() && !IsWild(segments_[fixed])) ++fixed;
  const bool any = std::find(segments_.begin(), segments_.end(), kAnyDepth) != segments_.end();
  return any ? 0 : static_cast<std::uint32_t>(segments_.size() - fixed);
}

Result<std::vector<std::string>> GlobBelow(std::string_view pattern, const std::string& base,
                                           const Lister& list) {
  const GlobPattern parsed = TRY(GlobPattern::Parse(pattern));
  const std::string prefix = parsed.FixedPrefix();
  auto listed = list(prefix.empty() ? base : base + "/" + prefix, parsed.Depth());
  if (!listed.ok()) {
    if (prefix.empty() || listed.error().reason != "file_not_found") return listed.error();
    TRY(list(base, 1));
    return std::vector<std::string>{};
  }
  std::vector<std::string> found;
  for (const DirectoryEntry& entry : *listed) {
    std::string name = prefix.empty() ? entry.name : prefix + "/" + entry.name;
    if (!entry.is_directory && parsed.Matches(name)) found.push_back(std::move(name));
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace fabro::provider
