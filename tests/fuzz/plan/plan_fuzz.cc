// A hostile caller's specification against the jailer's own planning: whatever is accepted must fit
// the messages for the guest's side and keep the root's rules.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "fabro/jail/child/wire.h"
#include "fabro/jail/plan/plan.h"
#include "fabro/jail/protocol/messages.h"

namespace {

using namespace fabro;
using jail::plan::HostFacts;
using jail::plan::MountPlan;
using jail::plan::RootEntry;
using jail::plan::SourceFacts;

void Require(bool holds) {
  if (!holds) std::abort();
}

HostFacts Facts(const model::SandboxSpec& spec) {
  HostFacts facts;
  facts.root_entries = {{"/usr", RootEntry::Kind::kDirectory, ""},
                        {"/bin", RootEntry::Kind::kSymlink, "usr/bin"}};
  SourceFacts source;
  source.kind = SourceFacts::Kind::kDirectory;
  source.path = "/srv/data";
  source.mode = 0700;
  facts.root_dir = facts.workspace = source;
  facts.binds.assign(spec.binds.size(), source);
  return facts;
}

void CheckTarget(const std::string& target) {
  Require(target.size() > 1 && target.size() < jail::wire::kPathMax && target.front() == '/');
  Require(target.find("/../") == std::string::npos && !target.ends_with("/.."));
  Require(target.find('\0') == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto exec = jail::protocol::DecodeStartExec(bytes);
  const auto spec = jail::protocol::DecodeSandboxSpec(bytes);
  if (exec) {
    const auto base = jail::plan::PlanJail({}, Facts({}));
    const auto plan = jail::plan::PlanExec(exec->spec, *base, Facts({}));
    if (plan) Require(plan->rlimits.size() <= jail::wire::kMaxRlimits && !plan->spec.argv.empty());
  }
  if (!spec) return 0;
  const auto plan = jail::plan::PlanJail(*spec, Facts(*spec));
  if (!plan) {
    Require(!plan.error().message.empty() && !plan.error().reason.empty());
    return 0;
  }
  Require(plan->mounts.size() <= jail::wire::kMaxMounts);
  for (const MountPlan& step : plan->mounts) CheckTarget(step.target);
  return 0;
}
