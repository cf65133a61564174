#include "fabro/agent/tools/patch.h"

#include <algorithm>
#include <array>
#include <utility>

namespace fabro::agent {
namespace {

constexpr std::string_view kBegin = "*** Begin Patch";
constexpr std::string_view kEnd = "*** End Patch";
constexpr std::string_view kAdd = "*** Add File: ";
constexpr std::string_view kDelete = "*** Delete File: ";
constexpr std::string_view kUpdate = "*** Update File: ";
constexpr std::string_view kMove = "*** Move to: ";
constexpr std::string_view kEndOfFile = "*** End of File";
constexpr std::string_view kBlanks = " \t\r";

std::string_view TrimEnd(std::string_view line) {
  const std::size_t last = line.find_last_not_of(kBlanks);
  return line.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

std::string_view Trim(std::string_view line) {
  line = TrimEnd(line);
  const std::size_t first = line.find_first_not_of(kBlanks);
  return line.substr(first == std::string_view::npos ? line.size() : first);
}

// Dashes, quotes and spaces of Unicode as their ASCII cousins: models write one for the other.
std::string Fold(std::string_view line) {
  struct Folding {
    std::string_view from;
    char to;
  };
  static constexpr std::array<Folding, 19> kFoldings{{{"\u2010", '-'},
                                                      {"\u2011", '-'},
                                                      {"\u2012", '-'},
                                                      {"\u2013", '-'},
                                                      {"\u2014", '-'},
                                                      {"\u2015", '-'},
                                                      {"\u2212", '-'},
                                                      {"\u2018", '\''},
                                                      {"\u2019", '\''},
                                                      {"\u201A", '\''},
                                                      {"\u201B", '\''},
                                                      {"\u201C", '"'},
                                                      {"\u201D", '"'},
                                                      {"\u201E", '"'},
                                                      {"\u201F", '"'},
                                                      {"\u00A0", ' '},
                                                      {"\u2009", ' '},
                                                      {"\u202F", ' '},
                                                      {"\u3000", ' '}}};
  std::string folded;
  for (line = Trim(line); !line.empty();) {
    const auto hit = std::find_if(kFoldings.begin(), kFoldings.end(), [&](const Folding& folding) {
      return line.starts_with(folding.from);
    });
    if (hit != kFoldings.end()) {
      folded.push_back(hit->to);
      line.remove_prefix(hit->from.size());
    } else {
      folded.push_back(line.front());
      line.remove_prefix(1);
    }
  }
  return folded;
}

using Equal = bool (*)(std::string_view, std::string_view);

constexpr std::array<Equal, 4> kLooser{
    [](std::string_view a, std::string_view b) { return a == b; },
    [](std::string_view a, std::string_view b) { return TrimEnd(a) == TrimEnd(b); },
    [](std::string_view a, std::string_view b) { return Trim(a) == Trim(b); },
    [](std::string_view a, std::string_view b) { return Fold(a) == Fold(b); }};

// --- Reading -------------------------------------------------------------------------------------

class Reader {
 public:
  explicit Reader(std::string_view patch) {
    for (std::string_view rest = patch; !rest.empty();) {
      const std::size_t end = rest.find('\n');
      std::string_view line = rest.substr(0, end);
      if (line.ends_with('\r')) line.remove_suffix(1);
      lines_.push_back(line);
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
  }

  Result<std::vector<PatchSection>> Read() {
    while (!Done() && Trim(Line()).empty()) ++at_;
    if (Done() || TrimEnd(Line()) != kBegin) return Bad("expected \"*** Begin Patch\"");
    ++at_;
    std::vector<PatchSection> sections;
    while (!Done() && TrimEnd(Line()) != kEnd) {
      PatchSection section = TRY(Section());
      sections.push_back(std::move(section));
    }
    if (Done()) return Bad("expected \"*** End Patch\"");
    ++at_;
    while (!Done() && Trim(Line()).empty()) ++at_;
    if (!Done()) return Bad("nothing may follow \"*** End Patch\"");
    if (sections.empty()) return Bad("the patch has no section");
    return sections;
  }

 private:
  bool Done() const { return at_ >= lines_.size(); }
  std::string_view Line() const { return lines_[at_]; }
  bool AtMarker() const { return Done() || Line().starts_with("*** "); }

  Error Bad(const std::string& what) const {
    std::string message = "line " + std::to_string(at_ + 1) + " of the patch: " + what;
    if (!Done()) message.append(", got \"").append(Line().substr(0, 100)).append("\"");
    return Failure(Code::kInvalidArgument, std::move(message), "patch_syntax");
  }

  Result<std::string> Path(std::string_view marker) {
    std::string path(Trim(Line().substr(marker.size())));
    if (path.empty()) return Bad("expected a path");
    ++at_;
    return path;
  }

  Result<PatchSection> Section() {
    PatchSection section;
    if (Line().starts_with(kAdd)) {
      section.kind = PatchSection::Kind::kAdd;
      section.path = TRY(Path(kAdd));
      for (; !AtMarker(); ++at_) {
        if (!Line().starts_with('+')) return Bad("lines of a new file begin with \"+\"");
        section.content.append(Line().substr(1)).append("\n");
      }
    } else if (Line().starts_with(kDelete)) {
      section.kind = PatchSection::Kind::kDelete;
      section.path = TRY(Path(kDelete));
    } else if (Line().starts_with(kUpdate)) {
      section.path = TRY(Path(kUpdate));
      if (!Done() && Line().starts_with(kMove)) section.move_to = TRY(Path(kMove));
      while (!AtMarker()) {
        Hunk hunk = TRY(ReadHunk());
        section.hunks.push_back(std::move(hunk));
      }
      if (section.hunks.empty() && section.move_to.empty()) return Bad("expected a hunk, \"@@\"");
    } else {
      return Bad("expected a section: Add File, Delete File or Update File");
    }
    return section;
  }

  Result<Hunk> ReadHunk() {
    Hunk hunk;
    if (!Line().starts_with("@@")) return Bad("a hunk begins with \"@@\"");
    std::string_view hint = Line().substr(2);
    if (!hint.empty() && hint.front() != ' ') return Bad("a blank stands between \"@@\" and hint");
    if (!hint.empty()) hint.remove_prefix(1);
    hunk.hint = TrimEnd(hint);
    ++at_;
    for (; !AtMarker() && !Line().starts_with("@@"); ++at_) {
      const std::string_view line = Line();
      PatchLine::Kind kind = PatchLine::Kind::kContext;
      if (line.starts_with('-')) kind = PatchLine::Kind::kRemoved;
      if (line.starts_with('+')) kind = PatchLine::Kind::kAdded;
      // An empty line stands for an empty context line: editors and models drop the blank.
      if (kind == PatchLine::Kind::kContext && !line.empty() && line.front() != ' ') {
        return Bad("lines of a hunk begin with a blank, \"-\" or \"+\"");
      }
      hunk.lines.push_back({kind, std::string(line.empty() ? line : line.substr(1))});
    }
    if (!Done() && TrimEnd(Line()) == kEndOfFile) {
      hunk.at_end = true;
      ++at_;
    }
    if (hunk.lines.empty()) return Bad("the hunk has no lines");
    return hunk;
  }

  std::vector<std::string_view> lines_;
  std::size_t at_ = 0;
};

// --- Applying ------------------------------------------------------------------------------------

class Text {
 public:
  explicit Text(std::string_view content) {
    ends_with_newline_ = content.empty() || content.back() == '\n';
    std::size_t returns = 0;
    while (!content.empty()) {
      const std::size_t end = content.find('\n');
      lines_.emplace_back(content.substr(0, end));
      returns += lines_.back().ends_with('\r') ? 1 : 0;
      content.remove_prefix(end == std::string_view::npos ? content.size() : end + 1);
    }
    carriage_returns_ = !lines_.empty() && returns * 2 > lines_.size();
  }

  Status Apply(const Hunk& hunk, std::size_t number) {
    std::size_t from = next_;
    if (!hunk.hint.empty()) from = TRY(AfterHint(hunk.hint, number));
    std::vector<std::string_view> old;
    for (const PatchLine& line : hunk.lines) {
      if (line.kind != PatchLine::Kind::kAdded) old.push_back(line.text);
    }
    std::size_t at = hunk.hint.empty() || hunk.at_end ? lines_.size() : from;
    if (!old.empty()) at = TRY(Find(old, from, hunk.at_end, number));
    Replace(hunk, at, old.size());
    return {};
  }

  std::string Take() const {
    std::string content;
    for (const std::string& line : lines_) content.append(line).append("\n");
    if (!ends_with_newline_ && !content.empty()) content.pop_back();
    return content;
  }

 private:
  static Error Mismatch(std::size_t number, const std::string& what) {
    return Failure(Code::kFailedPrecondition, "hunk " + std::to_string(number) + ": " + what,
                   "patch_mismatch");
  }

  Result<std::size_t> AfterHint(std::string_view hint, std::size_t number) const {
    for (const std::size_t looseness : {std::size_t{0}, std::size_t{2}}) {
      for (std::size_t i = next_; i < lines_.size(); ++i) {
        if (kLooser.at(looseness)(lines_[i], hint)) return i + 1;
      }
    }
    return Mismatch(number, "no line is \"" + std::string(hint) + "\"");
  }

  bool MatchesAt(const std::vector<std::string_view>& old, std::size_t at, Equal equal) const {
    for (std::size_t i = 0; i < old.size(); ++i) {
      if (!equal(lines_[at + i], old[i])) return false;
    }
    return true;
  }

  Result<std::size_t> Find(const std::vector<std::string_view>& old, std::size_t from, bool at_end,
                           std::size_t number) const {
    if (old.size() <= lines_.size()) {
      const std::size_t last = lines_.size() - old.size();
      const std::size_t first = at_end ? std::max(from, last) : from;
      for (const Equal equal : kLooser) {
        for (std::size_t at = first; at <= last; ++at) {
          if (MatchesAt(old, at, equal)) return at;
        }
      }
    }
    std::string wanted;
    for (const std::string_view line : old) wanted.append("\n  ").append(line);
    return Mismatch(number,
                    "these lines are not in the file, or not below the hunk before:" + wanted);
  }

  void Replace(const Hunk& hunk, std::size_t at, std::size_t old_count) {
    std::vector<std::string> fresh;
    std::size_t old = at;
    for (const PatchLine& line : hunk.lines) {
      if (line.kind == PatchLine::Kind::kAdded) {
        fresh.push_back(line.text + (carriage_returns_ ? "\r" : ""));
      } else {
        if (line.kind == PatchLine::Kind::kContext) fresh.push_back(lines_[old]);
        ++old;
      }
    }
    const auto begin = lines_.begin() + static_cast<std::ptrdiff_t>(at);
    const auto after = lines_.erase(begin, begin + static_cast<std::ptrdiff_t>(old_count));
    next_ = at + fresh.size();
    lines_.insert(after, std::make_move_iterator(fresh.begin()),
                  std::make_move_iterator(fresh.end()));
  }

  std::vector<std::string> lines_;
  bool ends_with_newline_ = true;
  bool carriage_returns_ = false;
  std::size_t next_ = 0;  // Where the hunk after this one may begin.
};

}  // namespace

Result<std::vector<PatchSection>> ParsePatch(std::string_view patch) {
  return Reader(patch).Read();
}

Result<std::string> ApplyHunks(std::string_view content, const std::vector<Hunk>& hunks) {
  Text text(content);
  for (std::size_t i = 0; i < hunks.size(); ++i) TRY(text.Apply(hunks[i], i + 1));
  return text.Take();
}

}  // namespace fabro::agent
