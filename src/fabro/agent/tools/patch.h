// The patch form "v4a" (agent, section 4.7): reading it, and applying hunks to a text. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/result.h"

namespace fabro::agent {

struct PatchLine {
  enum class Kind { kContext, kRemoved, kAdded };
  Kind kind = Kind::kContext;
  std::string text;
};

struct Hunk {
  std::string hint;  // Of "@@ hint"; empty: none.
  std::vector<PatchLine> lines;
  bool at_end = false;  // "*** End of File": matches at the end only.
};

struct PatchSection {
  enum class Kind { kAdd, kDelete, kUpdate };
  Kind kind = Kind::kUpdate;
  std::string path;
  std::string move_to;      // kUpdate; empty: stays.
  std::string content;      // kAdd.
  std::vector<Hunk> hunks;  // kUpdate.
};

// kInvalidArgument, "patch_syntax", with the line.
Result<std::vector<PatchSection>> ParsePatch(std::string_view patch);

// Hunks are applied in order, each below the one before. Lines are looked for as they are, then
// without trailing blanks, then without outer blanks, then with punctuation folded; lines that stay
// keep the file's own form, and new lines get its line ending. kFailedPrecondition,
// "patch_mismatch", says which hunk.
Result<std::string> ApplyHunks(std::string_view content, const std::vector<Hunk>& hunks);

}  // namespace fabro::agent
