#include "apps/faber/command_policy.h"
#include "apps/faber/commands/commands.h"
#include "apps/faber/contract.h"
#include "apps/faber/plan_print.h"
#include "apps/faber/relay.h"
#include "apps/faber/root_image.h"
#include "apps/faber/run_report.h"
#include "apps/faber/run_setup.h"
#include "apps/faber/syscall_options.h"
#include "apps/faber/witness.h"
#include "fabro/codec/command_policy_json.h"
#include "fabro/codec/model_json.h"
#include "fabro/jail/command_policy/policy.h"
#include "fabro/jail/jail.h"

namespace fabro::faber {
namespace {

void PrintNotices(const model::SandboxInfo& info) {
  for (const std::string& notice : info.notices) {
    const std::string text = "faber: " + notice + "\n";
    std::fwrite(text.data(), 1, text.size(), stderr);
  }
}

// Proved before the command exists, by what a probe sees in this very sandbox.
Status ProveRequired(jail::Jail& jail, const RunArguments& arguments) {
  if (arguments.require.empty()) return {};
  const Observed observed = TRY(Observe(jail, arguments.request.sandbox));
  return HoldsAll(JudgeLayers(observed), arguments.require);
}

Result<RelayedAlone> RunInSandbox(RunArguments& arguments, OutputMode mode) {
  if (!arguments.require.empty()) ShowProbe(arguments.request.sandbox);
  const model::RunRequest& request = arguments.request;
  jail::Jailer::Options options;
  // A terminal's sandbox is never one of a running jailer's prepared ones (isolation engine, 2.4).
  if (request.exec.tty) options.mode = jail::Jailer::Options::Mode::kChild;
  jail::Jailer jailer = TRY(jail::Jailer::Open(options));
  if (!request.exec.tty && arguments.require.empty()) {
    RelayedAlone alone = TRY(RelayAlone(std::move(jailer), request.sandbox, request.exec, mode));
    if (mode == OutputMode::kPass) PrintNotices(alone.info);
    return alone;
  }
  jail::Jail jail = TRY(jail::Jail::Create(std::move(jailer), request.sandbox));
  TRY(ProveRequired(jail, arguments));
  RelayedAlone relayed;
  relayed.info = jail.info();
  if (mode == OutputMode::kPass) PrintNotices(relayed.info);
  relayed.result = TRY(RelayIn(jail, request.exec, mode));
  TRY_IN("cleaning up the sandbox", jail.Stop());
  return relayed;
}

int FailRun(const Error& error, bool json, const model::PolicyDecision& decision = {}) {
  if (!json) return Fail(error, kExitRefused);
  model::Json body = model::Json::MakeObject()
                         .Set("outcome", model::ToString(model::Fate::kNotStarted))
                         .Set("error", codec::ToJson(error));
  if (decision.refused) body.Set("command_policy", codec::ToJson(decision, true));
  return Print(body.Dump() + "\n", kExitRefused);
}

int Report(const RunArguments& arguments, RelayedAlone ended,
           const model::PolicyDecision& decision) {
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
    if (decision.mode != model::PolicyMode::kOff) {
      json.Set("command_policy", codec::ToJson(decision, decision.audit));
    }
    return Print(json.Dump() + "\n", status);
  }
  if (arguments.explain) {
    const std::string text = ExplainViolations(outcome, arguments.request);
    std::fwrite(text.data(), 1, text.size(), stderr);
  }
  if (outcome.network) {
    for (const std::string& line : ExplainNetwork(*outcome.network)) {
      std::fprintf(stderr, "faber: %s\n", line.c_str());
    }
  }
  if (const auto line = Explain(outcome, arguments.request)) {
    const std::string text = "faber: " + *line + "\n";
    std::fwrite(text.data(), 1, text.size(), stderr);
  }
  return status;
}

}  // namespace

int RunCommand(const Invocation& invocation) {
  auto setup = ReadRunSetup(invocation);
  if (!setup.ok()) return FailRun(setup.error(), invocation.Has("--json"));
  RunArguments& arguments = setup->arguments;
  for (const auto& warning : setup->warnings) {
    const std::string text = "faber: warning: " + warning.ToString() + "\n";
    std::fwrite(text.data(), 1, text.size(), stderr);
  }
  if (arguments.print != PrintStep::kRequest) {
    const Status rooted = OpenRootImage(arguments.request);
    if (!rooted.ok()) return FailRun(rooted.error(), arguments.json);
  }
  if (arguments.print != PrintStep::kNothing) {
    const auto json = PrintedStep(arguments.request, arguments.print);
    if (!json.ok()) return FailRun(json.error(), arguments.json);
    return Print(codec::Indented(*json) + "\n");
  }
  const auto decision = JudgeCommand(arguments.request, setup->policy);
  LogAttempt(setup->log, arguments.request, decision);
  if (decision.refused) {
    return FailRun(jail::command_policy::Refusal(decision), arguments.json, decision);
  }
  const OutputMode mode = arguments.json ? OutputMode::kCapture : OutputMode::kPass;
  auto ended = RunInSandbox(arguments, mode);
  if (!ended.ok()) {
    LogFailure(setup->log, arguments.request, ended.error());
    return FailRun(ended.error(), arguments.json);
  }
  LogOutcome(setup->log, arguments.request, ended->result.outcome);
  return Report(arguments, *std::move(ended), decision);
}

}  // namespace fabro::faber
