#include "machinery.h"

#include <filesystem>
#include <optional>

#include "fabro/config/interpolate.h"
#include "fabro/environment/environment.h"
#include "fabro/git/bundle.h"
#include "fabro/provider/checkpoint/git_checkpointer.h"
#include "fabro/provider/local/local.h"
#include "fabro/provider/namespace/namespace.h"
#include "fabro/store/run_lock.h"
#include "host_gate.h"
#include "models.h"
#include "redact.h"
#include "spec_settings.h"
#include "workflow_source.h"

namespace fabro::cli {
namespace {

using environment::ResolvedEnvironment;

provider::SandboxContext ContextOf(const runs::SandboxRequest& request) {
  return {.run_id = request.spec.id.value(),
          .storage = request.storage,
          .host_directory = request.spec.source_directory,
          .working_dir = request.spec.working_dir,
          .in_place = request.spec.in_place,
          .jailer = {}};
}

provider::CheckpointConfig CheckpointsOf(const runs::RunSpec& spec) {
  provider::CheckpointConfig config;
  config.run_id = spec.id.value();
  config.author_name = spec.settings.StringAt("git_author_name", config.author_name);
  config.author_email = spec.settings.StringAt("git_author_email", config.author_email);
  config.exclude_globs = spec.settings.StringsAt("checkpoint_exclude_globs");
  return config;
}

// Relative to where the run was started (`[run] working_dir`).
std::string LocalDirectory(const runs::RunSpec& spec) {
  if (spec.working_dir.empty()) return spec.source_directory;
  return (std::filesystem::path(spec.source_directory) / spec.working_dir).lexically_normal();
}

fabro::Result<runs::Workplace> OpenLocal(const runs::SandboxRequest& request,
                                         const ResolvedEnvironment& environment) {
  runs::Workplace place;
  place.workspace_is_users = true;
  provider::LocalConfig config;
  config.working_directory = LocalDirectory(request.spec);
  config.env = environment.env;
  config.filter = {.strict = environment.strict_env,
                   .filter_explicit = environment.filter_explicit_env};
  config.run_id = request.spec.id.value();
  config.host_environment = provider::OwnEnvironment();
  if (!request.spec.in_place && !request.spec.dry_run) {
    place.checkpointer = TRY(provider::MakeLocalCheckpointer(
        config.working_directory, request.storage, request.run_dir, CheckpointsOf(request.spec)));
  }
  place.sandbox = provider::MakeLocalSandbox(std::move(config));
  return place;
}

provider::WorkspaceMode ModeOf(const std::string& word) {
  if (word == "bind") return provider::WorkspaceMode::kBind;
  return word == "empty" ? provider::WorkspaceMode::kEmpty : provider::WorkspaceMode::kClone;
}

fabro::Result<runs::Workplace> OpenNamespace(const runs::SandboxRequest& request,
                                             const ResolvedEnvironment& environment) {
  runs::Workplace place;
  provider::NamespaceConfig config;
  config.context = ContextOf(request);
  config.level = model::ParseLevel(environment.level).value_or(model::Level::kMedium);
  config.root = model::ParseRootSource(environment.rootfs).value_or(model::RootSource());
  if (environment::HasEgress(environment)) {
    config.network = model::NetworkMode::kEgress;
    config.egress = TRY(environment::EgressOf(environment));
  }
  if (environment.cpu) config.limits.cpu_millis = *environment.cpu * 1000;
  config.limits.memory = environment.memory;
  config.disk = environment.disk;
  config.in_memory = environment.store == "memory";
  config.degrade = environment.degrade;
  config.limits.pids = environment.max_processes;
  config.limits.open_files = environment.max_file_descriptors;
  config.env = environment.env;
  config.workspace = ModeOf(environment.workspace);
  place.workspace_is_users = config.workspace == provider::WorkspaceMode::kBind;
  provider::BundleTarget target;
  if (config.workspace == provider::WorkspaceMode::kClone) {
    target.source = TRY(git::Discover(request.spec.source_directory));
  }
  // A run whose sandbox is gone starts again from what its checkpoints brought home.
  if (target.source) {
    config.commit =
        TRY(git::ReadRef(target.source->top, provider::RunRef(request.spec.id.value())));
  }
  const bool checkpoints_wanted =
      !request.spec.in_place && !request.spec.dry_run && !place.workspace_is_users;
  place.sandbox = provider::MakeNamespaceSandbox(std::move(config));
  if (checkpoints_wanted) {
    target.run_dir = request.run_dir;
    provider::CheckpointConfig checkpoints = CheckpointsOf(request.spec);
    checkpoints.can_restore = true;
    place.checkpointer = provider::MakeSandboxCheckpointer(*place.sandbox, std::move(target),
                                                           std::move(checkpoints));
  }
  return place;
}

fabro::Result<runs::Workplace> Open(const runs::SandboxRequest& request) {
  ResolvedEnvironment environment = TRY(environment::FromJson(request.spec.environment_settings));
  // Filled in here, where it is used: what is stored with the run holds the references.
  const config::Credentials credentials = CredentialsOf(
      request.spec.settings.StringAt("project_directory", request.spec.source_directory));
  TRY(config::InterpolateAll(environment.env, "run.environment.env", ReferencesIn(credentials)));
  if (environment.provider == environment::Provider::kLocal) return OpenLocal(request, environment);
  return OpenNamespace(request, environment);
}

fabro::Result<std::vector<std::string>> KillLeftovers(const runs::SandboxRequest& request) {
  const ResolvedEnvironment environment =
      TRY(environment::FromJson(request.spec.environment_settings));
  const std::string run = request.spec.id.value();
  std::vector<std::string> done;
  if (environment.provider == environment::Provider::kLocal) {
    const std::size_t killed = TRY(provider::KillLeftovers(run));
    if (killed > 0) done.push_back("killed " + std::to_string(killed) + " left-over processes");
    return done;
  }
  const bool killed = TRY(provider::KillNamespaceLeftovers(request.storage, run));
  if (killed) done.emplace_back("ended the sandbox that the dead worker had left");
  return done;
}

fabro::Result<std::unique_ptr<agent::Agents>> OpenAgents(const runs::RunSpec& spec) {
  agent::AgentsConfig config =
      TRY(AgentsConfigOf(spec.settings, SetupOf(spec.settings, spec.source_directory),
                         CredentialsOf(spec.source_directory)));
  const ResolvedEnvironment environment = TRY(environment::FromJson(spec.environment_settings));
  config.redact = RedactorOf(spec.settings, CredentialsOf(spec.source_directory), environment.env);
  if (environment::HasEgress(environment)) {
    auto policy = TRY(environment::EgressOf(environment));
    config.admit = AdmitBy(std::move(policy));
  }
  return agent::MakeAgents(std::move(config), RealClock());
}

// What the store says of a run's sandbox (sandboxes, 8.5). A worker that lives removes its own; a
// run that is not at its end gets its tree back by a resume.
provider::SandboxFate FateOf(const runs::RunRef& run) {
  using provider::SandboxFate;
  const auto summary = runs::Inspect(run);
  // A run whose store cannot be read may still be mended: what is its stays.
  if (!summary.ok() || summary->broken) return SandboxFate::kLeave;
  if (!runs::IsTerminal(summary->status)) return SandboxFate::kLeave;
  const auto spec = runs::Spec(run);
  // Kept on purpose, or because its workspace is the only copy of the result.
  const bool kept = !summary->kept_workspace.empty();
  if (!spec.ok() || spec->preserve_sandbox || kept) return SandboxFate::kLeave;
  return SandboxFate::kRemove;
}

}  // namespace

runs::Machinery MakeMachinery() {
  return {.open = Open, .kill_leftovers = KillLeftovers, .agents = OpenAgents};
}

runs::WorkerCommand SelfAsWorker() {
  runs::WorkerCommand command;
  command.arguments = {"__worker"};
  return command;
}

fabro::Result<std::vector<std::string>> SweepSandboxes(const std::string& storage) {
  // Held from the question until the next one, so that no resume begins while its tree is removed.
  std::optional<store::RunLock> held;
  const auto reports = TRY(provider::SweepNamespaceSandboxes(storage, [&](const std::string& id) {
    held.reset();
    const auto run = runs::Find(storage, id);
    if (run.ok()) {
      auto lock = store::RunLock::Acquire(run->dir);
      if (!lock.ok()) return provider::SandboxFate::kLeave;  // Somebody works on it.
      held = *std::move(lock);
      return FateOf(*run);
    }
    return run.error().code == Code::kNotFound ? provider::SandboxFate::kUnknownRun
                                               : provider::SandboxFate::kLeave;
  }));
  std::vector<std::string> done;
  for (const provider::SweepReport& report : reports) {
    if (report.action == "left") continue;
    done.push_back("sandbox " + report.sandbox_id + " of an ended run: " + report.action);
  }
  return done;
}

Status DestroySandbox(const runs::RunRef& run) {
  const runs::RunSpec spec = TRY(runs::Spec(run));
  const ResolvedEnvironment environment = TRY(environment::FromJson(spec.environment_settings));
  if (environment.provider == environment::Provider::kLocal) return {};
  return provider::DestroyNamespaceSandbox(run.storage, run.id.value());
}

}  // namespace fabro::cli
