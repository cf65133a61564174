// faber-probe inside a sandbox of ours: adds it to what the sandbox shows, and brings back what it
// saw.
#pragma once

#include <string>
#include <vector>

#include "apps/faber/contract.h"
#include "fabro/base/result.h"
#include "fabro/jail/jail.h"
#include "fabro/jail/relay.h"

namespace fabro::faber {

inline constexpr char kProbePath[] = "/run/faber-probe";

// Shows the probe, which is looked for beside our own program, read-only at kProbePath.
void ShowProbe(model::SandboxSpec& spec);

struct Ran {
  model::Outcome outcome;
  std::string out;
};

// `faber-probe args…` in the Jail, under limits of its own.
Result<Ran> RunProbe(jail::Jail& jail, const std::vector<std::string>& args,
                     const model::Limits& limits = {});

// What the probe sees, with the same facts of our own process beside it. Meant for the first
// command of a Jail: nothing is there yet that could deceive it.
Result<Observed> Observe(jail::Jail& jail, const model::SandboxSpec& spec);

}  // namespace fabro::faber
