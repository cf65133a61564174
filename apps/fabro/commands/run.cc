// `fabro run`: create a run, start its worker, and follow it as a client.
#include <unistd.h>

#include <filesystem>

#include "../drawing.h"
#include "../following.h"
#include "../machinery.h"
#include "../spec_settings.h"
#include "../trust_question.h"
#include "../workflow_source.h"
#include "commands.h"
#include "fabro/config/explain.h"
#include "fabro/config/interpolate.h"
#include "fabro/environment/environment.h"
#include "run_options.h"

namespace fabro::cli {

config::Flags FlagsOf(const RunOptions& options) {
  config::Flags flags;
  flags.goal = options.goal;
  if (!options.goal_file.empty()) flags.goal_file = options.goal_file;
  if (!options.environment.empty()) flags.environment = options.environment;
  if (!options.sandbox.empty()) flags.environment = options.sandbox;
  if (!options.model.empty()) flags.model = options.model;
  if (!options.provider.empty()) flags.provider = options.provider;
  if (!options.permissions.empty()) flags.permissions = options.permissions;
  flags.auto_approve = options.auto_approve;
  flags.dry_run = options.dry_run;
  flags.budget = options.budget;
  flags.inputs = options.inputs;
  flags.labels = options.labels;
  return flags;
}

namespace {

// Inputs are strings, numbers and booleans; the layers have seen to it.
model::Json InputJson(const templates::Map& inputs) {
  model::Json json = model::Json::MakeObject();
  for (const templates::Member& input : inputs.members) {
    std::visit(
        [&](const auto& value) {
          if constexpr (std::is_constructible_v<model::Json, decltype(value)>) {
            json.Set(input.name, model::Json(value));
          }
        },
        input.value.data);
  }
  return json;
}

runs::RunSpec SpecOf(const WorkflowSource& source, const workflow::Prepared& prepared,
                     const environment::ResolvedEnvironment& environment,
                     const RunOptions& options) {
  const config::Settings& settings = source.settings;
  runs::RunSpec spec;
  spec.workflow = source.name;
  spec.workflow_path = std::filesystem::absolute(source.path);
  spec.graph_source = source.text;
  spec.files = prepared.files;
  spec.goal = source.goal.value_or("");
  spec.inputs = InputJson(settings.inputs);
  spec.labels = settings.labels;
  spec.environment = environment.slug;
  spec.environment_settings = environment::ToJson(environment);
  spec.settings = SettingsJson(settings);
  // Somebody sits there to be asked about calls outside the agents' permissions.
  const bool terminal = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1;
  spec.settings.Set("may_ask", terminal && !options.detach && !settings.auto_approve);
  spec.source_directory = std::filesystem::current_path();
  spec.working_dir = settings.working_dir.value_or("");
  for (const config::PrepareStep& step : settings.prepare_steps) {
    spec.prepare.push_back(
        {.script = step.script, .command = step.command, .env = step.env, .timeout = step.timeout});
  }
  spec.artifacts_include = settings.artifact_include;
  spec.result_limit = settings.artifact_result_limit;
  spec.auto_resume = settings.auto_resume;
  spec.events_jsonl = settings.artifact_events;
  spec.wall_budget = settings.budget.wall;
  spec.fail_on_budget = settings.budget.fail_on_limit;
  spec.token_budget = settings.budget.tokens;
  spec.cost_budget = settings.budget.cost_usd;
  spec.auto_approve = settings.auto_approve;
  spec.dry_run = settings.dry_run;
  spec.in_place = options.in_place;
  spec.preserve_sandbox = options.preserve_sandbox;
  return spec;
}

// Runs whose worker died: said here, because nobody else will.
void ReportOrphans(const std::string& storage, Console& console) {
  const fabro::Result<std::vector<runs::Orphan>> orphans =
      runs::SweepOrphans(storage, MakeMachinery());
  if (!orphans.ok()) return;  // Nothing was ever stored there, or the run below says what is wrong.
  for (const runs::Orphan& orphan : *orphans) {
    console.Say("run " + orphan.id.value() + " lost its worker: fabro resume " + orphan.id.value());
  }
  const fabro::Result<std::vector<std::string>> swept = SweepSandboxes(storage);
  if (!swept.ok()) return console.Warn(swept.error().ToString());
  for (const std::string& line : *swept) console.Say(line);
}

// What is found out before anything is made: unbuilt parts, trust, references without a value.
Status MayStart(const WorkflowSource& source, const environment::ResolvedEnvironment& environment,
                const RunOptions& options, Console& console) {
  const config::Settings& settings = source.settings;
  if (!settings.hooks.empty() && !settings.dry_run) {
    // A hook that blocks must not be skipped in silence.
    return Failure(Code::kUnimplemented,
                   settings.hooks.front().origin.place + ": hooks are not run by this version",
                   "hooks_not_built", "take [[run.hooks]] out");
  }
  const bool local = environment.provider == environment::Provider::kLocal;
  if (!options.trust && !settings.dry_run) {
    TRY(RequireTrust(config::HostEffects(settings, local, Here().home), console));
  }
  const config::Credentials credentials = CredentialsOf(".");
  for (const std::string& warning : credentials.warnings()) console.Warn(Inert(warning));
  if (settings.dry_run) return {};
  std::map<std::string, std::string> env = environment.env;
  return config::InterpolateAll(env, "run.environment.env", ReferencesIn(credentials));
}

// What `run` and `create` have in common, up to a run that is there.
struct Made {
  std::optional<runs::RunRef> run;  // Else `code` says how the command ends.
  int code = kOk;
};

Made Make(const WorkflowSource& source, const workflow::Prepared& prepared,
          const environment::ResolvedEnvironment& environment, const RunOptions& options,
          const GlobalOptions& global, Console& console) {
  const fabro::Result<std::string> storage = StorageDir(global);
  if (!storage.ok()) return {.run = {}, .code = console.Fail(storage.error())};
  ReportOrphans(*storage, console);
  const fabro::Result<runs::RunRef> run =
      runs::Create(*storage, SpecOf(source, prepared, environment, options));
  if (!run.ok()) return {.run = {}, .code = console.Fail(run.error())};
  console.Say("workflow " + source.path);
  console.Say("run      " + run->id.value() + " in " + environment.slug);
  DrawRun(*run, console);
  return {.run = *run};
}

int PrintSettings(const RunOptions& options, Console& console) {
  auto loaded = config::LoadLayers(options.workflow, FlagsOf(options), Here());
  if (!loaded.ok()) return console.Fail(loaded.error());
  const config::Merged merged = config::Merge(std::move(loaded->layers));
  std::string lines = config::ToLines(config::Explain(merged));
  if (!lines.empty()) lines.pop_back();
  console.Result(lines);
  return kOk;
}

Made MakeRun(const RunOptions& options, const GlobalOptions& global, Console& console) {
  const auto left = [](int code) { return Made{.run = {}, .code = code}; };
  const fabro::Result<WorkflowSource> source = LoadWorkflow(options.workflow, FlagsOf(options));
  if (!source.ok()) return left(console.Fail(source.error()));
  for (const std::string& note : source->settings.notes) console.Warn(Inert(note));
  if (options.print == "settings") return left(PrintSettings(options, console));
  const workflow::Prepared prepared = Prepare(*source, workflow::PrepareMode::kRun);
  PrintDiagnostics(*source, prepared, /*as_result=*/false, console);
  if (!prepared.ok()) return left(kUsage);
  const fabro::Result<environment::ResolvedEnvironment> environment =
      environment::Resolve(source->settings, {.in_place = options.in_place});
  if (!environment.ok()) return left(console.Fail(environment.error()));
  if (options.print == "environment") {
    console.Result(environment::ToJson(*environment).Dump());
    return left(kOk);
  }
  if (options.print == "request") {
    console.Result(runs::EncodeSpec(SpecOf(*source, prepared, *environment, options)));
    return left(kOk);
  }
  const Status allowed = MayStart(*source, *environment, options, console);
  if (!allowed.ok()) return left(console.Fail(allowed.error()));
  for (const environment::Warning& warning : environment->warnings) {
    console.Warn((warning.path.empty() ? "" : warning.path + ": ") + warning.message);
  }
  return Make(*source, prepared, *environment, options, global, console);
}

}  // namespace

int Run(const RunOptions& options, const GlobalOptions& global, Console& console) {
  const Made made = MakeRun(options, global, console);
  if (!made.run) return made.code;
  const Status started = runs::Start(*made.run, SelfAsWorker());
  if (!started.ok()) return console.Fail(started.error());
  if (options.detach) {
    console.Result(made.run->id.value());
    return kOk;
  }
  return FollowToEnd(*made.run, 0, OnInterrupt::kCancelRun, console);
}

int Run(const CreateOptions& options, const GlobalOptions& global, Console& console) {
  const Made made = MakeRun(options.run, global, console);
  if (made.run) console.Result(made.run->id.value());
  return made.code;
}

}  // namespace fabro::cli
