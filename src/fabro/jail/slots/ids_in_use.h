// Which of some host ids a process still has, by a look at all of /proc.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "fabro/base/result.h"

namespace fabro::jail {

// The subset of `ids` that is a user or group id of any thread (real, effective, saved, file
// system, supplementary), or that a user namespace with a process in it maps in a range of at most
// two ids. `proc_root`: for tests.
Result<std::set<std::uint32_t>> IdsInUse(const std::set<std::uint32_t>& ids,
                                         const std::string& proc_root = "/proc");

}  // namespace fabro::jail
