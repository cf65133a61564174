#include "apps/faber/plan_print.h"

#include <string_view>

#include "fabro/codec/model_json.h"
#include "fabro/jail/open_sources.h"
#include "fabro/jail/plan/plan.h"
#include "fabro/jail/supervise/sources.h"

namespace fabro::faber {
namespace {

using jail::plan::MountPlan;
using model::Json;

std::string_view Word(MountPlan::Kind kind) {
  switch (kind) {
    case MountPlan::Kind::kDirectory:
      return "directory";
    case MountPlan::Kind::kSymlink:
      return "symlink";
    case MountPlan::Kind::kFile:
      return "file";
    case MountPlan::Kind::kMount:
      return "mount";
    case MountPlan::Kind::kDevices:
      return "devices";
    case MountPlan::Kind::kCover:
      return "cover";
    case MountPlan::Kind::kEmptyDirectory:
      return "empty_directory";
  }
  return "?";
}

std::string_view Word(MountPlan::From from) {
  switch (from) {
    case MountPlan::From::kNothing:
      return "";
    case MountPlan::From::kText:
      return "text";
    case MountPlan::From::kRootEntry:
      return "root";
    case MountPlan::From::kBind:
      return "bind";
  }
  return "?";
}

Json OfMount(const MountPlan& mount) {
  Json json = Json::MakeObject().Set("kind", Word(mount.kind)).Set("target", mount.target);
  json.SetIfAny("text", mount.text).SetIfAny("from", Word(mount.from));
  if (mount.from == MountPlan::From::kBind) json.Set("bind", std::uint64_t{mount.index});
  return json.Set("mode", static_cast<std::uint32_t>(mount.mode)).Set("writable", mount.writable);
}

Json OfJail(const jail::plan::JailPlan& plan, const jail::plan::ExecPlan& exec) {
  Json mounts = Json::MakeArray();
  for (const MountPlan& mount : plan.mounts) mounts.Push(OfMount(mount));
  Json rlimits = Json::MakeArray();
  for (const jail::plan::RlimitPlan& limit : exec.rlimits) {
    rlimits.Push(Json::MakeObject()
                     .Set("resource", limit.resource)
                     .Set("soft", limit.soft)
                     .Set("hard", limit.hard));
  }
  return Json::MakeObject()
      .Set("setup_id", jail::plan::kSetupId)
      .Set("task_id", jail::plan::kTaskId)
      .Set("mounts", std::move(mounts))
      .Set("tmpfs_inodes", plan.tmpfs_inodes)
      .Set("shm_bytes", plan.shm_size)
      .Set("workspace_limit", plan.workspace_limit)
      .Set("degraded", Json::Strings(plan.degraded))
      .Set("path", exec.path)
      .Set("rlimits", std::move(rlimits))
      .Set("policy", plan.policy);
}

}  // namespace

Result<Json> PrintedStep(const model::RunRequest& request, PrintStep step) {
  if (step == PrintStep::kRequest) return codec::ToJson(request);
  TRY(jail::plan::CheckSandbox(request.sandbox));
  TRY(jail::plan::CheckExec(request.exec));
  std::vector<UniqueFd> fds = TRY(jail::OpenSources(request.sandbox));
  const auto sources = TRY(jail::supervise::TakeSources(request.sandbox, std::move(fds)));
  const auto facts = TRY(jail::supervise::GatherFacts(request.sandbox, sources));
  const auto plan = TRY(jail::plan::PlanJail(request.sandbox, facts));
  const auto exec = TRY(jail::plan::PlanExec(request.exec, plan, facts));
  if (step == PrintStep::kJail) return OfJail(plan, exec);
  return codec::ToJson(model::RunRequest{plan.spec, exec.spec});
}

}  // namespace fabro::faber
