// What `faber policy` prints: the policy of a level as JSON, and what a program that was watched
// needs. Pure.
#pragma once

#include <string>
#include <vector>

#include "fabro/linux/seccomp/seccomp.h"
#include "fabro/model/json.h"
#include "fabro/model/outcome.h"
#include "fabro/model/run_request.h"

namespace fabro::faber {

// {level, arch, calls: [{name, number, since, class, why?, rules?: [{when, condition, verdict}]}],
//  otherwise}
model::Json PolicyJson(seccomp::Level level, seccomp::Arch arch);

// Of a program that ran at level low with SyscallChanges::learn.
struct Profile {
  model::Level level = model::Level::kMedium;  // The one that was asked for.
  bool complete = true;              // Nothing was dropped, and the command came to its end.
  std::vector<std::string> options;  // Of `faber run`: "--level medium", "--allow-syscall mount".
  // Decoded calls: those that the options are for; those that the level answers with an error that
  // programs expect; those that no level allows.
  std::vector<std::string> allowed;
  std::vector<std::string> soft;
  std::vector<std::string> refused;
};

Profile ProfileOf(const model::Outcome& outcome, const model::RunRequest& request);
std::string ToText(const Profile& profile);
model::Json ToJson(const Profile& profile);

}  // namespace fabro::faber
