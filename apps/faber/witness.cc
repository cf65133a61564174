#include "apps/faber/witness.h"

#include <unistd.h>

#include <chrono>

#include "apps/faber/programs.h"
#include "fabro/linux/file.h"

namespace fabro::faber {
namespace {

Evidence OfOurselves(std::int32_t init_pid) {
  Evidence evidence;
  for (const char* kind : {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"}) {
    char link[64] = {};
    const std::string path = std::string("/proc/self/ns/") + kind;
    if (::readlink(path.c_str(), link, sizeof(link) - 1) > 0) {
      evidence.emplace(std::string("ns.") + kind, link);
    }
  }
  auto groups = ReadFile("/proc/" + std::to_string(init_pid) + "/cgroup");
  if (groups.ok()) {
    for (char& c : *groups) c = c == '\n' ? ';' : c;
    evidence.emplace("init.cgroup", *std::move(groups));
  }
  return evidence;
}

}  // namespace

void ShowProbe(model::SandboxSpec& spec) {
  spec.binds.push_back({HostPath(BesideUs("faber-probe")), GuestPath(kProbePath), false});
}

Result<Ran> RunProbe(jail::Jail& jail, const std::vector<std::string>& args,
                     const model::Limits& limits) {
  constexpr auto kPatience = std::chrono::seconds(20);
  model::ExecSpec spec;
  spec.argv = {kProbePath};
  spec.argv.insert(spec.argv.end(), args.begin(), args.end());
  spec.limits = limits;
  if (!spec.limits.wall_time) spec.limits.wall_time = kPatience;
  if (!spec.limits.output) spec.limits.output = 64_KiB;
  Ran ran;
  jail::RelayOptions options;
  options.on_output = [&](jail::Stream stream, std::string_view bytes) {
    if (stream == jail::Stream::kStdout) ran.out.append(bytes);
    return Status();
  };
  jail::Relayed relayed = TRY(jail::RunRelayed(jail, spec, options));
  ran.outcome = std::move(relayed.outcome);
  return ran;
}

Result<Observed> Observe(jail::Jail& jail, const model::SandboxSpec& spec) {
  const Ran ran =
      TRY_IN("looking from inside", RunProbe(jail, {"evidence", spec.workspace.target.value()}));
  if (ran.outcome.fate != model::Fate::kExited || ran.outcome.exit_code != 0) {
    return Failure(Code::kUnavailable,
                   "the probe inside the sandbox ended as " +
                       std::string(model::ToString(ran.outcome.fate)) + " " + ran.outcome.message,
                   "isolation_unavailable", "install faber-probe beside faber");
  }
  Observed observed;
  observed.inside = ParseEvidence(ran.out);
  observed.outside = OfOurselves(jail.info().init_pid);
  observed.spec = spec;
  observed.info = jail.info();
  return observed;
}

}  // namespace fabro::faber
