// For kernel tests: Jails through a child jailer, commands in them with their output, and what the
// host must not keep of them.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/jail/jail.h"
#include "fabro/jail/relay.h"

namespace fabro::jail::testing {

Result<Jail> MakeJail(const model::SandboxSpec& spec);

struct Ran {
  model::Outcome outcome;
  std::string out;
  std::string err;
};

Result<Ran> RunIn(Jail& jail, const model::ExecSpec& spec, RelayOptions options = {});

// An ExecSpec for `sh -c SCRIPT`.
model::ExecSpec Shell(const std::string& script);
model::ExecSpec Command(std::vector<std::string> argv);

// A Jail with one command; a failure of ours ends the test program.
Ran RunOnce(const model::SandboxSpec& sandbox, const model::ExecSpec& spec);

// Whether this kernel says who is at the other end of a socket (Linux 6.5). Where it does not a
// jailer that listens serves nobody (isolation.md 2.1).
bool KernelNamesPeers();

// Control groups of slots whose owner is a dead process or `owner`, in every tree; empty when
// clean.
std::vector<std::string> SlotGroupsOf(pid_t owner);

}  // namespace fabro::jail::testing
