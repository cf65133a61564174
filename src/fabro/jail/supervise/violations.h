// The reader of a filter's listener: seccomp_unotify(2). It answers every notified call itself and
// lets none go on, so that what the guest's memory says later has no influence; but for a program
// whose needs are learned, which is at level low and trusted.
#pragma once

#include <optional>

#include "fabro/linux/seccomp/seccomp.h"
#include "fabro/model/outcome.h"

namespace fabro::jail::supervise {

inline constexpr std::size_t kMaxViolations = 64;  // Records an Exec; the rest is counted.

// Takes one call that waits, without blocking, records it in `outcome` and answers it. True: it is
// of class K, the caller kills the Exec. Nothing: no call waits.
std::optional<bool> AnswerOne(int listener, const seccomp::FilterOptions& options,
                              model::Outcome& outcome);

}  // namespace fabro::jail::supervise
