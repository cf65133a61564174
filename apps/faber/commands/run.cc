#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "apps/faber/commands/commands.h"
#include "apps/faber/config_file.h"
#include "apps/faber/plan_print.h"
#include "apps/faber/relay.h"
#include "apps/faber/root_image.h"
#include "apps/faber/run_report.h"
#include "apps/faber/run_request.h"
#include "apps/faber/syscall_options.h"
#include "fabro/codec/model_json.h"
#include "fabro/jail/jail.h"
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
    auto text = ReadFile(*file, 2_MiB);
    if (!text.ok()) {
      Error error = std::move(text).error().In("--config");
      error.fix = "name a YAML file that can be read";
      return error;
    }
    Caller at = caller;
    at.cwd = (std::filesystem::path(caller.cwd) / *file).parent_path().string();
    base = TRY(ReadConfig(*file, *text, std::move(base), at));
  }
  return ReadRunArguments(invocation, std::move(base), caller);
}

void PrintNotices(const model::SandboxInfo& info) {
  for (const std::string& notice : info.notices) {
    const std::string text = "faber: " + notice + "\n";
    std::fwrite(text.data(), 1, text.size(), stderr);
  }
}

Result<RelayedAlone> RunInSandbox(const model::RunRequest& request, OutputMode mode) {
  jail::Jailer::Options options;
  // A terminal's sandbox is never one of a running jailer's prepared ones (isolation engine, 2.4).
  if (request.exec.tty) options.mode = jail::Jailer::Options::Mode::kChild;
  jail::Jailer jailer = TRY(jail::Jailer::Open(options));
  if (!request.exec.tty) {
    RelayedAlone alone = TRY(RelayAlone(std::move(jailer), request.sandbox, request.exec, mode));
    if (mode == OutputMode::kPass) PrintNotices(alone.info);
    return alone;
  }
  jail::Jail jail = TRY(jail::Jail::Create(std::move(jailer), request.sandbox));
  RelayedAlone relayed;
  relayed.info = jail.info();
  if (mode == OutputMode::kPass) PrintNotices(relayed.info);
  relayed.result = TRY(RelayInTerminal(jail, request.exec));
  TRY_IN("cleaning up the sandbox", jail.Stop());
  return relayed;
}

int FailRun(const Error& error, bool json) {
  if (!json) return Fail(error, kExitRefused);
  const model::Json body = model::Json::MakeObject()
                               .Set("outcome", model::ToString(model::Fate::kNotStarted))
                               .Set("error", codec::ToJson(error));
  return Print(body.Dump() + "\n", kExitRefused);
}

int Report(const RunArguments& arguments, RelayedAlone ended) {
  const model::Outcome& outcome = ended.result.outcome;
  const int status = model::ExitCodeOf(outcome);
  if (arguments.json) {
    codec::RunReport report;
    report.outcome = outcome;
    report.info = std::move(ended.info);
    report.limits = arguments.request.exec.limits;
    report.out = std::move(ended.result.out);
    report.err = std::move(ended.result.err);
    model::Json json = codec::ToJson(report);
    if (arguments.explain) json.Set("explanations", ExplanationsJson(outcome, arguments.request));
    return Print(json.Dump() + "\n", status);
  }
  if (arguments.explain) {
    const std::string text = ExplainViolations(outcome, arguments.request);
    std::fwrite(text.data(), 1, text.size(), stderr);
  }
  if (const auto line = Explain(outcome, arguments.request)) {
    const std::string text = "faber: " + *line + "\n";
    std::fwrite(text.data(), 1, text.size(), stderr);
  }
  return status;
}

}  // namespace

int RunCommand(const Invocation& invocation) {
  auto arguments = Arguments(invocation);
  if (!arguments.ok()) return FailRun(arguments.error(), invocation.Has("--json"));
  if (arguments->print != PrintStep::kRequest) {
    const Status rooted = OpenRootImage(arguments->request);
    if (!rooted.ok()) return FailRun(rooted.error(), arguments->json);
  }
  if (arguments->print != PrintStep::kNothing) {
    const auto json = PrintedStep(arguments->request, arguments->print);
    if (!json.ok()) return FailRun(json.error(), arguments->json);
    return Print(codec::Indented(*json) + "\n");
  }
  const OutputMode mode = arguments->json ? OutputMode::kCapture : OutputMode::kPass;
  auto ended = RunInSandbox(arguments->request, mode);
  if (!ended.ok()) return FailRun(ended.error(), arguments->json);
  return Report(*arguments, *std::move(ended));
}

}  // namespace fabro::faber
