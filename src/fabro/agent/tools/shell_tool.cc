// shell: a command in the sandbox (agent, section 4.4).
#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "fabro/agent/tools/guard.h"
#include "fabro/agent/tools/schema.h"
#include "fabro/agent/tools/toolbox.h"

namespace fabro::agent {
namespace {

using model::Json;

// Of each stream, twice this much is kept; the model sees far less.
constexpr std::size_t kKeptHalf = std::size_t{1} << 19U;

std::string EndNote(const provider::ExecResult& result, Nanos timeout, Nanos most) {
  const auto millis = [](Nanos span) {
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(span).count());
  };
  const std::string took = std::to_string(result.duration.count()) + " ms";
  if (result.termination == provider::Termination::kTimedOut) {
    return "[timed out after " + millis(timeout) + " ms and was killed; set timeout_ms, at most " +
           millis(most) + ", to allow more]\n";
  }
  if (result.termination == provider::Termination::kCancelled) {
    return "[cancelled after " + took + "]\n";
  }
  std::string note = "[exit code " + std::to_string(result.exit_code.value_or(-1)) + ", " + took;
  if (!result.limit.empty()) note += ", " + result.limit;
  note += "]\n";
  for (const std::string& line : result.notes) note += "[" + line + "]\n";
  return note;
}

void AppendBlock(std::string text, std::string_view title, std::string& out) {
  if (text.empty()) return;
  if (!title.empty()) out.append("[").append(title).append("]\n");
  out += ToUtf8(text);
  if (out.back() != '\n') out += '\n';
}

ToolResult Shell(const Json& arguments, ToolContext& context) {
  Nanos timeout = context.default_timeout;
  if (const std::int64_t asked = arguments.IntAt("timeout_ms"); asked > 0) {
    // Capped before it is multiplied.
    const std::int64_t most =
        std::chrono::duration_cast<std::chrono::milliseconds>(context.max_timeout).count();
    timeout = std::chrono::milliseconds(std::min(asked, most));
  }
  BoundedText out(kKeptHalf);
  BoundedText err(kKeptHalf);
  provider::ExecRequest request;
  request.command = arguments.StringAt("command");
  request.timeout = timeout;
  request.cancel_fd = context.cancel_fd;
  request.exec_id = context.exec_id;
  request.on_output = [&](provider::Stream stream, std::string_view bytes) -> Status {
    (stream == provider::Stream::kStdout ? out : err).Add(bytes);
    return context.on_output ? context.on_output(stream, bytes) : Status();
  };
  const auto result = context.place.Exec(request);
  if (!result.ok()) return ToolResult::Of(result.error());
  std::string text;
  AppendBlock(out.Take(), {}, text);
  AppendBlock(err.Take(), "stderr", text);
  text += EndNote(*result, timeout, context.max_timeout);
  if (result->termination != provider::Termination::kExited) {
    return ToolResult::Fail(std::move(text), result->termination == provider::Termination::kTimedOut
                                                 ? "timed_out"
                                                 : "cancelled");
  }
  return ToolResult::Text(std::move(text));
}

}  // namespace

Tool ShellTool() {
  ObjectSchema schema;
  schema.Required("command", "string", "Run by /bin/bash -c in the working directory.");
  schema.With("minLength", 1);
  schema.Optional("timeout_ms", "integer", "Time limit in milliseconds.");
  schema.With("exclusiveMinimum", 0);
  schema.Optional("description", "string", "What the command is for, in a few words.");
  return {.name = "shell",
          .description =
              "Runs a command and gives its output, standard error and exit code. Its "
              "standard input is empty. Prefer the file tools for reading, searching and "
              "editing.",
          .category = Category::kShell,
          .parameters = schema.Build(),
          .limit = {.characters = 30'000, .lines = 256},
          .run = Shell};
}

}  // namespace fabro::agent
