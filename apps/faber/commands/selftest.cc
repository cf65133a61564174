// faber selftest: one sandbox, looked at from inside and then attacked.
#include <algorithm>
#include <chrono>

#include "apps/faber/commands/commands.h"
#include "apps/faber/contract.h"
#include "apps/faber/run_request.h"
#include "apps/faber/witness.h"
#include "fabro/codec/model_json.h"
#include "fabro/jail/jail.h"

namespace fabro::faber {
namespace {

using State = Verdict::State;
using model::Fate;

// An attack of faber-probe, by its row of the threat matrix. Refused is: the row says PASS, or the
// call ends the command as a violation. At low some are allowed to try.
struct Attack {
  std::string_view row;
  std::string_view what;
  bool low = true;  // Level low forbids it too.
};
constexpr Attack kAttacks[] = {
    {"A4", "a read-only mount cannot be made writable"},
    {"mount", "nothing can be mounted"},
    {"A5", "chroot is refused"},
    {"A6a", "pivot_root is refused"},
    {"A6b", "nothing can be unmounted"},
    {"A7", "no file can be opened by its inode number"},
    {"A18", "no device node can be made"},
    {"B4", "init cannot be traced"},
    {"B6", "no descriptor can be taken from init"},
    {"B7b", "the user cannot become root of the sandbox"},
    {"B9a", "no user namespace can be made inside (unshare)", false},
    {"B9b", "no user namespace can be made inside (clone)", false},
    {"B20", "no user namespace can be made inside (clone3)", false},
    {"B10", "no other namespace can be entered"},
    {"B11a", "no capability can be taken"},
    {"B12", "no_new_privs cannot be cleared"},
    {"B14", "no BPF program can be loaded"},
    {"B17a", "io_uring is not there"},
    {"B18a", "no kernel module can be loaded"},
    {"B33a", "the clock cannot be set"},
    {"B35", "the kernel's log cannot be read"},
    {"A29", "AF_ALG is not there"},
    {"C5", "AF_VSOCK is not there"},
    {"C6a", "packets cannot be read or made"},
};

Verdict OfAttack(const Attack& attack, const Result<Ran>& ran) {
  Verdict verdict;
  verdict.layer = std::string(attack.row);
  verdict.what = std::string(attack.what);
  if (!ran.ok()) {
    verdict.evidence = ran.error().ToString();
    return verdict;
  }
  std::string line = ran->out.substr(0, ran->out.find('\n'));
  const model::Outcome& outcome = ran->outcome;
  if (outcome.fate == Fate::kPolicyViolation && !outcome.violations.empty()) {
    verdict.state = State::kPass;
    verdict.evidence = "killed for " + outcome.violations.front().call;
  } else if (outcome.fate == Fate::kExited && outcome.exit_code == 0 && line.starts_with("PASS ")) {
    verdict.state = State::kPass;
    verdict.evidence = line.substr(5);
  } else {
    verdict.evidence = std::string(model::ToString(outcome.fate)) + " " + line;
  }
  return verdict;
}

Verdict OfLimit(std::string name, std::string what, const Result<Ran>& ran, bool held) {
  Verdict verdict;
  verdict.layer = std::move(name);
  verdict.what = std::move(what);
  verdict.state = held ? State::kPass : State::kFail;
  verdict.evidence = ran.ok() ? std::string(model::ToString(ran->outcome.fate)) + " " +
                                    ran->out.substr(0, ran->out.find('\n'))
                              : ran.error().ToString();
  return verdict;
}

void AttackLimits(jail::Jail& jail, std::vector<Verdict>& verdicts) {
  model::Limits limits;
  limits.memory = 32_MiB;
  limits.pids = 10;
  const auto memory = RunProbe(jail, {"R1"}, limits);
  verdicts.push_back(OfLimit("memory", "a memory hog ends at its limit", memory,
                             memory.ok() && memory->outcome.fate == Fate::kOutOfMemory));
  const auto pids = RunProbe(jail, {"R10"}, limits);
  verdicts.push_back(OfLimit("pids", "a fork bomb meets its limit", pids,
                             pids.ok() && pids->outcome.pids_limit_hit));
  limits.cpu_time = std::chrono::milliseconds(200);
  const auto burn = RunProbe(jail, {"R13"}, limits);
  verdicts.push_back(OfLimit("cpu_time", "a busy loop ends at its limit", burn,
                             burn.ok() && burn->outcome.fate == Fate::kCpuTimeLimit));
}

struct Report {
  model::SandboxInfo info;
  std::vector<Verdict> verdicts;
};

Result<Report> Attacked(const model::SandboxSpec& spec) {
  jail::Jailer::Options options;
  options.mode = jail::Jailer::Options::Mode::kChild;
  jail::Jailer jailer = TRY(jail::Jailer::Open(options));
  jail::Jail jail = TRY(jail::Jail::Create(std::move(jailer), spec));
  const Observed observed = TRY(Observe(jail, spec));
  Report report;
  report.info = jail.info();
  report.verdicts = JudgeLayers(observed);
  for (const Attack& attack : kAttacks) {
    if (spec.level == model::Level::kLow && !attack.low) continue;
    report.verdicts.push_back(OfAttack(attack, RunProbe(jail, {std::string(attack.row)})));
  }
  AttackLimits(jail, report.verdicts);
  TRY_IN("cleaning up the sandbox", jail.Stop());
  return report;
}

Result<model::SandboxSpec> SpecOf(const Invocation& invocation) {
  model::RunRequest request;
  for (const OptionUse& use : invocation.options) {
    if (use.name == "--level") TRY(SetLevel(request, use.name, use.value));
    if (use.name == "--degrade") TRY(AddDegrade(request, use.name, use.value));
  }
  ShowProbe(request.sandbox);
  request.sandbox.fresh = true;
  request.sandbox.limits.memory = 256_MiB;
  request.sandbox.limits.pids = 64;
  return request.sandbox;
}

std::size_t Count(const Report& report, State state) {
  return static_cast<std::size_t>(std::ranges::count_if(
      report.verdicts, [&](const Verdict& verdict) { return verdict.state == state; }));
}

std::string Padded(std::string_view text, std::size_t width) {
  std::string out(text);
  if (out.size() < width) out.resize(width, ' ');
  return out;
}

std::string Text(const Report& report, model::Level level) {
  std::string out;
  for (const Verdict& verdict : report.verdicts) {
    out += Padded(ToString(verdict.state), 8) + " " + Padded(verdict.layer, 15) + " " +
           verdict.what + ": " + verdict.evidence + "\n";
  }
  return out + "\nlevel " + std::string(model::ToString(level)) + ": " +
         std::to_string(Count(report, State::kPass)) + " hold, " +
         std::to_string(Count(report, State::kDegraded)) + " degraded, " +
         std::to_string(Count(report, State::kFail)) + " failed\n";
}

model::Json Json(const Report& report, model::Level level) {
  model::Json all = model::Json::MakeArray();
  for (const Verdict& verdict : report.verdicts) all.Push(ToJson(verdict));
  return model::Json::MakeObject()
      .Set("level", model::ToString(level))
      .Set("passed", std::uint64_t{Count(report, State::kPass)})
      .Set("degraded", std::uint64_t{Count(report, State::kDegraded)})
      .Set("failed", std::uint64_t{Count(report, State::kFail)})
      .Set("landlock_abi", report.info.landlock_abi)
      .Set("cgroup_mode", report.info.cgroup_mode)
      .Set("invariants", std::move(all));
}

int FailSelftest(const Error& error, bool json) {
  const bool host = error.reason == "isolation_unavailable" || error.reason == "cgroup_unavailable";
  const int status = host ? kExitUnavailable : kExitGeneral;
  if (!json) return Fail(error, status);
  return Print(model::Json::MakeObject().Set("error", codec::ToJson(error)).Dump() + "\n", status);
}

}  // namespace

int SelftestCommand(const Invocation& invocation) {
  const bool json = invocation.Has("--json");
  const auto spec = SpecOf(invocation);
  if (!spec.ok()) return Fail(spec.error(), kExitUsage);
  const auto report = Attacked(*spec);
  if (!report.ok()) return FailSelftest(report.error(), json);
  const int status = Count(*report, State::kFail) == 0 ? kExitOk : kExitBroken;
  if (json) return Print(Json(*report, spec->level).Dump() + "\n", status);
  return Print(Text(*report, spec->level), status);
}

}  // namespace fabro::faber
