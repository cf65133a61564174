#include <unistd.h>

#include "apps/faber/check_report.h"
#include "apps/faber/commands/commands.h"
#include "apps/faber/run_request.h"
#include "fabro/codec/model_json.h"
#include "fabro/jail/host/host_probe.h"
#include "fabro/jail/jail.h"

namespace fabro::faber {
namespace {

jail::Finding ProbeJailer() {
  const auto jailer =
      jail::Jailer::Open({.mode = jail::Jailer::Options::Mode::kRunning, .program = ""});
  if (jailer.ok()) {
    return jail::Ok("running_jailer", jail::Need::kOptional, "one of this user answers");
  }
  return jail::Missing("running_jailer", jail::Need::kOptional,
                       "none answers; each run starts its own, which is slower",
                       jailer.error().sys_errno, jailer.error().fix);
}

}  // namespace

int CheckCommand(const Invocation& invocation) {
  model::RunRequest request;
  if (const std::string* level = invocation.Find("--level")) {
    const Status set = SetLevel(request, "--level", *level);
    if (!set.ok()) {
      return Fail(set.error(),
                  set.error().code == Code::kUnimplemented ? kExitUnavailable : kExitGeneral);
    }
  }
  const model::Level level = request.sandbox.level;
  jail::HostReport report = jail::ProbeHost();
  report.findings.push_back(ProbeJailer());
  const int status = jail::Obstacles(report, level).empty() ? kExitOk : kExitUnavailable;
  if (invocation.Has("--json")) return Print(CheckJson(report, level).Dump() + "\n", status);
  return Print(CheckText(report, level, StyleOfStdout()), status);
}

}  // namespace fabro::faber
