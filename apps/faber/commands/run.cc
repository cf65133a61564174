#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "apps/faber/commands/commands.h"
#include "apps/faber/config_file.h"
#include "apps/faber/run_request.h"
#include "fabro/codec/model_json.h"
#include "fabro/linux/file.h"

namespace fabro::faber {
namespace {

Result<Caller> ThisCaller() {
  Caller caller;
  std::error_code error;
  caller.cwd = std::filesystem::current_path(error).string();
  if (error) return SysFailureOf(error.value(), "getcwd");
  caller.tty =
      ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1;
  const char* term = std::getenv("TERM");
  caller.term = term == nullptr ? "" : term;
  return caller;
}

Result<RunArguments> Arguments(const Invocation& invocation) {
  const Caller caller = TRY(ThisCaller());
  model::RunRequest base = DefaultRequest();
  if (const std::string* file = invocation.Find("--config")) {
    const std::string text = TRY_IN("--config", ReadFile(*file, 2_MiB));
    Caller at = caller;
    at.cwd = (std::filesystem::path(caller.cwd) / *file).parent_path().string();
    base = TRY(ReadConfig(*file, text, std::move(base), at));
  }
  return ReadRunArguments(invocation, std::move(base), caller);
}

}  // namespace

int RunCommand(const Invocation& invocation) {
  const auto arguments = Arguments(invocation);
  if (!arguments.ok()) {
    if (invocation.Has("--json")) {
      const model::Json json =
          model::Json::MakeObject().Set("error", codec::ToJson(arguments.error()));
      return Print(json.Dump() + "\n", kExitRefused);
    }
    return Fail(arguments.error(), kExitRefused);
  }
  if (arguments->print == PrintStep::kRequest) {
    return Print(codec::Indented(codec::ToJson(arguments->request)) + "\n");
  }
  return Fail(Failure(Code::kUnimplemented, "the engine is not linked in yet"), kExitRefused);
}

}  // namespace fabro::faber
