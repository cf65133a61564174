// The layers of a sandbox by name: what `--require` can ask for, what `--degrade` can give up, and
// what the self-test speaks of. One table for all three.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "fabro/base/result.h"
#include "fabro/model/sandbox.h"

namespace fabro::model {

struct Layer {
  std::string_view name;     // "landlock"
  std::string_view promise;  // What holds when it does; one line.
  bool may_lack = false;     // Can be named in `degrade`.
  bool low = true;           // Level low has it.
};

std::span<const Layer> Layers();
const Layer* FindLayer(std::string_view name);

// The names, or those that may be missing: "cgroup, landlock" for messages.
std::string LayerNames(bool only_missable = false);

// Refuses unknown words (with the nearest one), layers that cannot be given up, and lists that
// contradict each other or the level. `where_require` and `where_degrade` begin the messages.
// kInvalidArgument, reason "bad_option".
Status CheckLayerWord(std::string_view where, std::string_view word, bool degrade);
Status CheckContract(std::string_view where_require, std::span<const std::string> require,
                     std::span<const std::string> degrade, Level level);

}  // namespace fabro::model
