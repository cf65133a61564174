// The commands: each takes what was parsed and gives the exit status of the program.
#pragma once

#include <string>

#include "apps/faber/cli.h"
#include "apps/faber/help.h"

namespace fabro::faber {

// Exit statuses of everything but the guest's own (execution API, section 8).
inline constexpr int kExitOk = 0;
inline constexpr int kExitGeneral = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitUnavailable = 2;    // check, selftest: the level cannot be had.
inline constexpr int kExitInvalid = 3;        // validate, config: a value is wrong.
inline constexpr int kExitPolicyRefuses = 3;  // policy test: faber run would refuse the command.
inline constexpr int kExitRefused = 125;      // run: our failure or refusal.
inline constexpr int kExitBroken = 3;         // selftest: an invariant does not hold.

int RunCommand(const Invocation& invocation);
int ConfigCommand(const Invocation& invocation);
int ValidateCommand(const Invocation& invocation);
int CheckCommand(const Invocation& invocation);
int PolicyShowCommand(const Invocation& invocation);
int PolicyLearnCommand(const Invocation& invocation);
int PolicyTestCommand(const Invocation& invocation);
int SelftestCommand(const Invocation& invocation);
int JailerCommand(const Invocation& invocation);
int CompletionCommand(const Invocation& invocation);
int VersionCommand(const Invocation& invocation);

// "faber: message; fix: …" on standard error, and `status` back.
int Fail(const Error& error, int status);

// Bold and colour on a terminal, unless NO_COLOR (https://no-color.org) says no.
Style StyleOfStdout();

// All of `text` to standard output. A reader that is gone is no error (head -1), any other failure
// is.
int Print(const std::string& text, int status = kExitOk);

}  // namespace fabro::faber
