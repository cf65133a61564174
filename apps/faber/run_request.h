// The options of `faber run` as values of the model: pure, so that each rule has a test.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/faber/cli.h"
#include "fabro/base/result.h"
#include "fabro/model/run_request.h"

namespace fabro::faber {

// What the meaning of an option depends on besides its text.
struct Caller {
  std::string cwd;   // Absolute; relative host paths start here.
  bool tty = false;  // Standard input, output and error are terminals.
  std::string term;  // $TERM, for a guest with a terminal.
};

enum class PrintStep { kNothing, kRequest, kPlan, kJail };

struct RunArguments {
  model::RunRequest request;
  std::vector<std::string> require;  // Layers to be proved before the command starts.
  bool json = false;
  bool explain = false;
  PrintStep print = PrintStep::kNothing;
};

// A request with the defaults of the specification (isolation 1.1) and no command.
model::RunRequest DefaultRequest();

// `base` is DefaultRequest(), or that with a configuration file over it. Errors name the option,
// the value, what is wrong and the fix; reason "bad_option" or "usage".
Result<RunArguments> ReadRunArguments(const Invocation& invocation, model::RunRequest base,
                                      const Caller& caller);

// The values that options and configuration files share. `where` begins the error: "--memory" or
// "faber.yaml:3:5: resource_limits.default.memory_limit".
Status SetLevel(model::RunRequest& request, std::string_view where, std::string_view text);
Status SetNetwork(model::RunRequest& request, std::string_view where, std::string_view text);
Status SetRootfs(model::RunRequest& request, std::string_view where, std::string_view text,
                 const Caller& caller);
Status SetMemory(model::RunRequest& request, std::string_view where, ByteSize size);
Status SetTmpfs(model::RunRequest& request, std::string_view where, ByteSize size);
Status SetOutput(model::RunRequest& request, std::string_view where, ByteSize size);
Status SetPids(model::RunRequest& request, std::string_view where, std::uint64_t count);
Status SetOpenFiles(model::RunRequest& request, std::string_view where, std::uint64_t count);
Status SetCpuMillis(model::RunRequest& request, std::string_view where, std::uint64_t millis);
Status SetCpuTime(model::RunRequest& request, std::string_view where, Nanos span);
Status SetWallTime(model::RunRequest& request, std::string_view where, Nanos span);
Status AddDegrade(model::RunRequest& request, std::string_view where, std::string_view layer);
Status AddBind(model::RunRequest& request, std::string_view where, std::string_view source,
               std::string_view target, bool writable, const Caller& caller);
// "none": an empty list, so that the workspace alone is writable.
Status AddAllowedPath(model::RunRequest& request, std::string_view where, std::string_view path);
Status AddBlockedPath(model::RunRequest& request, std::string_view where, std::string_view path);
Status SetWorkspace(model::RunRequest& request, std::string_view where, std::string_view text,
                    const Caller& caller);

}  // namespace fabro::faber
