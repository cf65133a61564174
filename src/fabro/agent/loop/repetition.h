// Notices that a model does the same again and again (agent, section 4.5).
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include "fabro/model/json.h"

namespace fabro::agent {

// Name and arguments in one canonical text: members sorted, numbers alike.
std::string CallSignature(std::string_view name, const model::Json& arguments);

class Repetition {
 public:
  explicit Repetition(std::size_t window = 10) : window_(window) {}

  // The calls of one assistant turn. True: the last `window` turns are one pattern of one, two or
  // three turns (three look at nine of ten). Not again before `window` further turns.
  bool Add(const std::vector<std::string>& signatures);

 private:
  bool Repeats(std::size_t length) const;

  std::size_t window_;
  std::size_t quiet_ = 0;  // Turns for which nothing is said.
  std::deque<std::string> turns_;
};

}  // namespace fabro::agent
