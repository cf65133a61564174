// A list of steps and the function that walks it. Each process of the guest's side is such a list;
// together they are what is said here:
//
//   faber-jailer
//     │ exec, fd 3 socket, fd 4 lifeline
//     ▼
//   zygote   zygote.cc, kSlotSteps     host ids and mounts until it has a user namespace, a root
//     │                                and ids of its own; then waits for "spawn an init"
//     │ clone3: new pid, mount, ipc, uts (and network) namespace
//     ▼
//   init     init.cc, kJailSteps       pid 1, set-up id, capabilities in its user namespace; makes
//     │                                what is writable and /proc; then waits for "start an Exec"
//     │ fork: enters the time namespace
//     ▼
//   payload  payload.cc, kExecSteps    enters its cgroup, drops everything, loads the filter
//     │ execve
//     ▼
//   the guest's program                task id, no capability, no descriptor but 0, 1, 2
//
// A step that fails is named to the jailer with its errno, and the process ends: nothing of the
// guest ever runs after a step that did not do its work.
#pragma once

#include <cstddef>

#include "fabro/jail/child/sys.h"
#include "fabro/jail/child/wire.h"

namespace fabro::jail::child {

template <typename Context>
struct StepOf {
  wire::Step step;
  int (*run)(Context&);  // 0 or an errno.
};

// The first step that failed, or {kNone, 0}.
struct Trouble {
  wire::Step step = wire::Step::kNone;
  int error = 0;
};

template <typename Context, std::size_t N>
Trouble RunSteps(const StepOf<Context> (&steps)[N], Context& context) {
  for (const StepOf<Context>& each : steps) {
    About("");
    if (const int error = each.run(context); error != 0) return {each.step, error};
  }
  return {};
}

}  // namespace fabro::jail::child
