// Runs `script` in the sandbox (workflow language, 3.4).
#include <algorithm>
#include <string>
#include <utility>

#include "fabro/workflow/handlers/table.h"

namespace fabro::workflow {
namespace {

using model::Json;

// Of what a command said, so much of its end goes into the context; all of it is in the stage's
// output files.
constexpr std::size_t kKeptOutput = std::size_t{64} << 20U;
constexpr std::size_t kMessageLine = 500;

// Keeps the end of what is added, by whole halves, so that adding stays linear.
class Tail {
 public:
  void Add(std::string_view bytes) {
    text_ += bytes;
    if (text_.size() > 2 * kKeptOutput) {
      text_.erase(0, text_.size() - kKeptOutput);
      truncated_ = true;
    }
  }
  bool truncated() const { return truncated_ || text_.size() > kKeptOutput; }
  std::string Take() {
    if (text_.size() > kKeptOutput) text_.erase(0, text_.size() - kKeptOutput);
    return std::move(text_);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  bool truncated_ = false;
};

std::string LastLine(const std::string& text) {
  std::size_t end = text.size();
  while (end > 0) {
    const std::size_t newline = text.rfind('\n', end - 1);
    const std::size_t begin = newline == std::string::npos ? 0 : newline + 1;
    const std::string line = text.substr(begin, end - begin);
    if (line.find_first_not_of(" \t\r") != std::string::npos) return line.substr(0, kMessageLine);
    if (newline == std::string::npos) break;
    end = newline;
  }
  return {};
}

struct Ended {
  const provider::ExecResult& result;
  const Tail& out;
  const Tail& err;
  const StageTask& task;
};

StageOutcome Judge(const Ended& ended) {
  const provider::ExecResult& result = ended.result;
  if (result.termination == provider::Termination::kCancelled) {
    return StageOutcome::Failed("cancelled", FailureClass::kCanceled);
  }
  if (result.termination == provider::Termination::kTimedOut) {
    const std::string limit =
        ended.task.timeout ? fabro::ToString(*ended.task.timeout) : "its limit";
    return StageOutcome::Failed("command timed out after " + limit, FailureClass::kTransientInfra);
  }
  const int code = result.exit_code.value_or(-1);
  if (code == 0 && result.limit != "policy_violation") return StageOutcome::Succeeded();
  std::string line = LastLine(ended.err.text());
  if (line.empty()) line = LastLine(ended.out.text());
  std::string message = "command exited with code " + std::to_string(code);
  if (!line.empty()) message += ": " + line;
  if (!result.limit.empty()) message += " (" + result.limit + ")";
  return StageOutcome::Failed(std::move(message), result.limit == "policy_violation"
                                                      ? FailureClass::kStructural
                                                      : FailureClass::kDeterministic);
}

provider::ExecRequest RequestOf(const StageTask& task, std::string_view script) {
  provider::ExecRequest request;
  if (task.node.attributes.Text("language") == "python") {
    request.argv = {"python3", "-c", std::string(script)};
  } else {
    request.command = std::string(script);
  }
  request.timeout = task.timeout;
  request.cancel_fd = task.cancel_fd;
  request.exec_id = task.exec_id;
  return request;
}

Json DetailsOf(const provider::ExecResult& result, std::string_view script, const StageTask& task) {
  Json details;
  details.Set("command", script);
  details.Set("language", task.node.attributes.Text("language", "shell"));
  details.Set("duration_ms", static_cast<std::int64_t>(result.duration.count()));
  if (result.exit_code) details.Set("exit_code", *result.exit_code);
  details.Set("timed_out", result.termination == provider::Termination::kTimedOut);
  details.SetIfAny("limit", result.limit);
  if (!result.notes.empty()) details.Set("notes", Json::Strings(result.notes));
  return details;
}

class Command final : public Handler {
 public:
  StageOutcome Run(const StageTask& task) const override {
    std::string_view script = task.node.attributes.Text("script");
    if (script.empty()) script = task.node.attributes.Text("tool_command");
    if (script.find_first_not_of(" \t\r\n") == std::string_view::npos) {
      return StageOutcome::Failed("node " + task.node.id + " has no script");
    }
    if (task.dry_run) return WithOutput(StageOutcome::Succeeded(), {}, {});
    Tail out;
    Tail err;
    provider::ExecRequest request = RequestOf(task, script);
    request.on_output = [&](provider::Stream stream, std::string_view bytes) -> Status {
      (stream == provider::Stream::kStdout ? out : err).Add(bytes);
      return task.output(stream, bytes);
    };
    auto result = task.sandbox->Exec(request);
    if (!result.ok()) return OfError(result.error());
    StageOutcome outcome = Judge({.result = *result, .out = out, .err = err, .task = task});
    outcome.details = DetailsOf(*result, script, task);
    if (out.truncated() || err.truncated()) outcome.details.Set("output_truncated", true);
    return WithOutput(std::move(outcome), out.Take(), err.Take());
  }

 private:
  static StageOutcome WithOutput(StageOutcome outcome, std::string out, std::string err) {
    outcome.context_updates["command.output"] = Json(std::move(out));
    outcome.context_updates["command.stderr"] = Json(std::move(err));
    outcome.offload = {"command.output", "command.stderr"};
    return outcome;
  }

  // The sandbox could not run it. Only what may pass by itself is worth a retry.
  static StageOutcome OfError(const Error& error) {
    const bool transient =
        error.code == Code::kUnavailable || error.code == Code::kDeadlineExceeded;
    if (error.code == Code::kCancelled) {
      return StageOutcome::Failed(error.ToString(), FailureClass::kCanceled);
    }
    StageOutcome outcome = StageOutcome::Failed(
        error.ToString(), transient ? FailureClass::kTransientInfra : FailureClass::kDeterministic);
    // The place itself is gone, not the command alone: no other stage can run there either.
    if (error.reason == "jail_gone" || error.reason == "infrastructure_failure") {
      outcome.details.Set("sandbox_lost", true);
    }
    return outcome;
  }
};

}  // namespace

const Handler* CommandHandler() {
  static const Command kHandler;
  return &kHandler;
}

}  // namespace fabro::workflow
