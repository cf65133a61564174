// From layers to Settings: who wins, field by field (run.md 2.2 of the specification).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/config/layer.h"
#include "fabro/config/settings.h"

namespace fabro::config {

// All layers laid over one another, before they become typed Settings.
struct Merged {
  std::map<std::string, Entry, std::less<>> entries;            // By path; who won.
  std::map<std::string, std::vector<Entry>, std::less<>> said;  // By path; all, lowest first.
  std::vector<std::string> notes;
};

// `layers` in any order; of two of one kind the later wins. Scalars and lists: the highest layer
// that sets them. Inputs: the highest file's table as a whole, then -I by key. Labels and env:
// merged by key. Hooks: the same id replaces in place, others follow. "..." in fallbacks and
// skill_dirs stands for the list below. A goal and a goal file replace each other. A repository's
// layer may lower a budget of the machine's, not raise it: that is left out, with a note.
Merged Merge(std::vector<Layer> layers);

// Error: bad_settings (a slug that is none, a word that a variable may not hold, a half server).
Result<Settings> ToSettings(Merged merged);

Result<Settings> Resolve(std::vector<Layer> layers);

}  // namespace fabro::config
