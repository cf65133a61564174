// What became of an Exec, from everything that was observed of it: isolation.md section 13 as one
// pure function.
#pragma once

#include <csignal>
#include <cstdint>
#include <optional>
#include <string>

#include "fabro/jail/child/wire.h"
#include "fabro/linux/cgroup/usage.h"
#include "fabro/model/outcome.h"

namespace fabro::jail::supervise {

struct ExecFacts {
  // The guest's side broke off: jailer, zygote or init ended early, or a step of ours failed.
  std::optional<std::string> infrastructure;
  std::optional<wire::Failed> failed;  // The payload gave up before it was the guest's program.
  bool leader_ended = false;
  bool leader_signaled = false;
  int leader_status = 0;              // Exit code or signal.
  bool killed_for_violation = false;  // The listener saw a call of class K.
  cgroup::OomSource oom = cgroup::OomSource::kNone;
  bool output_limit = false;
  bool cpu_time_limit = false;
  bool wall_time_limit = false;
  bool cancelled = false;
  std::uint64_t pids_limit_hits = 0;
};

// Sets fate, exit_code, signal, message, sys_errno and pids_limit_hit; leaves the rest as it was.
void Classify(const ExecFacts& facts, model::Outcome& outcome);

// "mount /usr", "execve /bin/x": the words for a step of the guest's side.
std::string DescribeFailure(const wire::Failed& failed);

}  // namespace fabro::jail::supervise
