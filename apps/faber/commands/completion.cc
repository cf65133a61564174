#include "apps/faber/commands/commands.h"
#include "apps/faber/help.h"

namespace fabro::faber {

int CompletionCommand(const Invocation& invocation) {
  const auto bad = [](std::string message) {
    return Fail(Failure(Code::kInvalidArgument, std::move(message), "usage",
                        "write faber completion bash, zsh or fish"),
                kExitUsage);
  };
  if (invocation.positionals.size() != 1) return bad("one shell is expected");
  const auto script = CompletionScript(invocation.positionals.front());
  if (!script)
    return bad("'" + invocation.positionals.front() + "' is no shell that is known here");
  return Print(*script);
}

}  // namespace fabro::faber
