// Some lines at the bottom of a terminal that are drawn anew in place. What is printed meanwhile
// goes above them: Clear() first. The terminal may change its size at any time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "console.h"

namespace fabro::cli {

// Columns that a text without control characters takes: wide characters two, marks none.
std::size_t DisplayWidth(std::string_view text);
// The beginning of it that fits, cut between characters.
std::string FitWidth(std::string_view text, std::size_t columns);

struct LiveLine {
  std::string text;      // Inert, one line.
  std::string sgr = {};  // "1;33", or empty.
};

class LiveBlock {
 public:
  explicit LiveBlock(Console& console) : console_(console) {}

  // Instead of what is there now. Lines that do not fit are cut, and of too many the last remain.
  void Draw(const std::vector<LiveLine>& lines);
  void Clear();

 private:
  Console& console_;
  std::vector<std::size_t> widths_;  // Of the lines on the screen.
};

}  // namespace fabro::cli
