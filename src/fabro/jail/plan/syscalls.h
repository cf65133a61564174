// What a sandbox's level and its changes mean for the system call filter of its commands.
#pragma once

#include "fabro/base/result.h"
#include "fabro/linux/seccomp/seccomp.h"
#include "fabro/model/sandbox.h"

namespace fabro::jail::plan {

// `spec.network` is filled in, or means the default of the level. `tty`: of the command.
seccomp::FilterOptions FilterOf(const model::SandboxSpec& spec, bool tty);

// kInvalidArgument: syscall_unknown, syscall_refused, ptrace_refused (seccomp/explain.h), and
// learn_refused.
Status CheckSyscalls(const model::SandboxSpec& spec);

}  // namespace fabro::jail::plan
