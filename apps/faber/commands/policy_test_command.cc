// `faber policy test -- CMD`: what the command policy makes of a command, without running it.
#include "apps/faber/command_policy.h"
#include "apps/faber/commands/commands.h"
#include "apps/faber/run_setup.h"
#include "fabro/codec/command_policy_json.h"

namespace fabro::faber {

int PolicyTestCommand(const Invocation& invocation) {
  const auto setup = ReadRunSetup(invocation);
  if (!setup.ok()) return Fail(setup.error(), kExitUsage);
  const auto decision = JudgeCommand(setup->arguments.request, setup->policy);
  const int status = decision.refused ? kExitPolicyRefuses : kExitOk;
  if (invocation.Has("--json")) {
    return Print(codec::ToJson(decision, true).Dump() + "\n", status);
  }
  return Print(DecisionText(decision), status);
}

}  // namespace fabro::faber
