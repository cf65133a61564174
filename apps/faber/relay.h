// A command of a sandbox at the caller's standard streams: what `faber run` does while it runs.
//
// The guest never gets a descriptor of the caller: bytes pass through pipes of ours, or through a
// pseudo-terminal of the sandbox when the caller has a terminal. Nothing is buffered beyond one
// block: a slow reader of our output slows the guest down. Descriptors of the caller keep their
// flags, because they share them with other programs.
#pragma once

#include <cstdint>
#include <string>

#include "fabro/base/result.h"
#include "fabro/codec/model_json.h"
#include "fabro/jail/jail.h"
#include "fabro/model/outcome.h"

namespace fabro::faber {

enum class OutputMode {
  kPass,     // To our standard output and error, as it comes.
  kCapture,  // Into the result.
};

struct RelayResult {
  model::Outcome outcome;
  codec::CapturedOutput out;  // With kPass only `complete` is set.
  codec::CapturedOutput err;
};

struct RelayedAlone {
  RelayResult result;
  model::SandboxInfo info;
};

// Runs `spec` in a Jail of its own, and stays with it until nothing of it is left. SIGINT, SIGTERM,
// SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2, as far as they were not ignored, are blocked for the
// process from here on and go to the command; a second SIGINT kills it. With spec.tty our terminal
// is raw meanwhile and always restored.
//
// An output whose reader is gone is closed for the guest too, which then gets SIGPIPE. Errors: the
// engine's, and a failed write (a full disk).
Result<RelayedAlone> RelayAlone(jail::Jailer jailer, const model::SandboxSpec& sandbox,
                                const model::ExecSpec& spec, OutputMode mode);
// The same in a `jail` that stays; with spec.tty in a terminal.
Result<RelayResult> RelayIn(jail::Jail& jail, const model::ExecSpec& spec, OutputMode mode);

}  // namespace fabro::faber
