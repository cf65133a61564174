// For people: what a refused call is for, why a level refuses it, and the setting that would let it
// through; and the names of calls as people write them. Pure, like seccomp.h.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "fabro/base/result.h"
#include "fabro/linux/seccomp/seccomp.h"

namespace fabro::seccomp {

struct Explanation {
  std::string purpose;  // "changes what is mounted where".
  std::string why;      // Why a sandbox refuses it.
  std::string setting;  // What would allow it, in options of `faber run`; or that nothing does.
};

// Of a call that a filter with these options refused and reported. For a name that is not in the
// table, as those of foreign ABIs, it says why there is none.
Explanation ExplainRefusal(const FilterOptions& options, std::string_view syscall);

// The name of the table that is written most like `name`; empty when none is near.
std::string_view NearestSyscall(std::string_view name);

// Whether a filter with these options can be made. kInvalidArgument with the reason
//   syscall_unknown   a name of `allow` or `deny` is no call; the fix names the nearest
//   syscall_refused   `allow` at level high; one that no level allows; `deny` of a call without
//                     which no program can be started
//   ptrace_refused    allow_ptrace at level high
Status CheckOptions(const FilterOptions& options);

// What a level says of a call by its name: "allow", "kill", "by argument"; empty for no name.
std::string ClassText(Level level, std::string_view syscall);

}  // namespace fabro::seccomp
