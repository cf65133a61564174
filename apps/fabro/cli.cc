// The command line of `fabro`. The only unit that sees CLI11, which is slow to compile.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "options.h"

namespace fabro::cli {
namespace {

// Registers a command whose options are a T; choosing it puts the T into `chosen`.
template <typename T>
std::pair<CLI::App*, T*> Add(CLI::App& app, Command& chosen, const std::string& name,
                             const std::string& what) {
  auto options = std::make_shared<T>();
  CLI::App* command = app.add_subcommand(name, what);
  command->callback([&chosen, options] { chosen = *options; });
  return {command, options.get()};
}

// What `run`, `create` and `preflight` share.
void AddRunOptions(CLI::App* command, RunOptions* run) {
  command->add_option("workflow", run->workflow, "Workflow file (.fabro, .dot, .toml) or name")
      ->required();
  CLI::Option* goal = command->add_option("--goal", run->goal, "What the run should achieve");
  command->add_option("--goal-file", run->goal_file, "File with the goal")->excludes(goal);
  command->add_option("-I,--input", run->inputs, "Template input NAME=VALUE; repeatable");
  CLI::Option* environment = command->add_option("--environment", run->environment,
                                                 "Where commands run: namespace, local");
  command->add_option("--sandbox", run->sandbox, "The built-in environment of a provider")
      ->check(CLI::IsMember({"local", "docker", "daytona", "namespace"}))
      ->excludes(environment);
  command->add_option("--model", run->model, "Model of agents and prompts");
  command->add_option("--provider", run->provider, "Who serves the model");
  command->add_option("--permissions", run->permissions, "What agents may do unasked")
      ->check(CLI::IsMember({"read-only", "read-write", "full"}));
  command->add_flag("--auto-approve", run->auto_approve,
                    "Answer gates; deny what is outside the permissions");
  command->add_option("--budget", run->budget, "tokens=N, cost_usd=N, wall=2h, on_limit=fail");
  command->add_option("--label", run->labels, "Label KEY=VALUE of the run; repeatable");
  command->add_flag("--dry-run", run->dry_run, "Walk the graph without executing anything");
  command->add_flag("--in-place", run->in_place, "Bind the directory itself; no git checkpoints");
  command->add_flag("--preserve-sandbox", run->preserve_sandbox, "Keep the sandbox after the run");
  command->add_flag("--trust", run->trust,
                    "This run may start what the repository names on the host");
}

void AddRun(CLI::App& app, Command& chosen) {
  const auto [command, run] = Add<RunOptions>(
      app, chosen, "run", "Run a workflow: create it, start it, follow it to its end");
  AddRunOptions(command, run);
  command->add_option("--print", run->print, "Print a step as JSON and stop")
      ->check(CLI::IsMember({"request", "settings", "environment"}));
  command->add_flag("-d,--detach", run->detach, "Print the run id and return");
  command->footer(
      "Examples:\n  fabro run workflow.fabro --environment namespace\n"
      "  fabro run build -I target=all -d");
  const auto [create, created] =
      Add<CreateOptions>(app, chosen, "create", "Create a run and print its id; nothing starts");
  AddRunOptions(create, &created->run);
  const auto [start, started] = Add<StartOptions>(app, chosen, "start", "Start a created run");
  start->add_option("run", started->run, "Run id, unique prefix, or workflow name")->required();
  const auto [preflight, checked] = Add<PreflightOptions>(
      app, chosen, "preflight", "Say everything that would keep a run from beginning");
  AddRunOptions(preflight, &checked->run);
}

// A command that takes one RUN and nothing else.
template <typename T>
void AddOfRun(CLI::App& app, Command& chosen, const std::string& name, const std::string& what) {
  const auto [command, options] = Add<T>(app, chosen, name, what);
  command->add_option("run", options->run, "Run id, unique prefix, or workflow name")->required();
}

void AddTimeline(CLI::App& app, Command& chosen, bool rewind) {
  const auto [command, options] =
      Add<TimelineOptions>(app, chosen, rewind ? "rewind" : "fork",
                           rewind ? "Begin again from a checkpoint, in the place of an ended run"
                                  : "Begin a new run from a checkpoint of another");
  options->rewind = rewind;
  command->add_option("run", options->run, "Run id, unique prefix, or workflow name")->required();
  command->add_option("target", options->target, "NODE, NODE@VISIT or @ORDINAL; default: latest");
  command->add_flag("--list", options->list, "Print the checkpoints");
  command->add_flag("--start", options->start, "Start it too");
}

void AddHistory(CLI::App& app, Command& chosen) {
  AddTimeline(app, chosen, false);
  AddTimeline(app, chosen, true);
  const auto [diff, compared] =
      Add<DiffOptions>(app, chosen, "diff", "What a run, or a stage of it, changed");
  diff->add_option("run", compared->run, "Run id, unique prefix, or workflow name")->required();
  diff->add_option("--node", compared->node, "Of this stage: NODE or NODE@VISIT");
  diff->add_flag("--stat", compared->stat, "Files and counts");
  diff->add_flag("--shortstat", compared->shortstat, "Counts");
  const auto [dump, dumped] =
      Add<DumpOptions>(app, chosen, "dump", "Write a run as files into a new directory");
  dump->add_option("run", dumped->run, "Run id, unique prefix, or workflow name")->required();
  dump->add_option("-o,--output", dumped->output, "The directory")->required();
  for (const bool take_out : {false, true}) {
    const auto [archive, archived] =
        Add<ArchiveOptions>(app, chosen, take_out ? "unarchive" : "archive",
                            take_out ? "List archived runs again" : "Put ended runs away");
    archived->take_out = take_out;
    archive->add_option("runs", archived->runs, "Run ids or unique prefixes")->required();
  }
  CLI::App* system = app.add_subcommand("system", "The store: repair, prune");
  system->require_subcommand(1);
  (void)Add<RepairOptions>(*system, chosen, "repair", "Write index and projections anew");
  const auto [prune, pruned] =
      Add<PruneOptions>(*system, chosen, "prune", "Remove runs that ended long ago");
  prune->add_option("--before", pruned->before, "Ended before this time (RFC 3339)");
  prune->add_option("--older-than", pruned->older_than, "Ended so long ago (7d); default 24h");
  prune->add_option("--workflow", pruned->workflow, "Of this workflow");
  prune->add_option("--label", pruned->label, "With this label, KEY or KEY=VALUE");
  prune->add_flag("--orphans", pruned->orphans, "Only sandboxes whose run is gone");
  prune->add_flag("--preserved", pruned->preserved, "Runs with a kept workspace too");
  prune->add_flag("--yes", pruned->yes, "Remove; else only list");
}

void AddExec(CLI::App& app, Command& chosen) {
  const auto [command, exec] =
      Add<ExecOptions>(app, chosen, "exec", "Let an agent work in the current directory");
  command->add_option("prompt", exec->prompt, "What it should do; - reads standard input")
      ->required();
  command->add_option("--model", exec->model, "Model, by id or alias");
  command->add_option("--provider", exec->provider, "Who answers: anthropic, openai, …");
  command->add_option("--permissions", exec->permissions, "What it may do without being asked")
      ->check(CLI::IsMember({"read-only", "read-write", "full"}));
  command->add_flag("--auto-approve", exec->auto_approve,
                    "Ask nothing: calls outside the permissions are denied");
  command->add_option("--output-format", exec->output_format, "text, or json (an event a line)")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  command->footer("Example:\n  fabro exec \"why does make test fail?\" --permissions read-only");
}

void AddFollowing(CLI::App& app, Command& chosen) {
  const auto [attach, attached] =
      Add<AttachOptions>(app, chosen, "attach", "Follow a run to its end");
  attach->add_option("run", attached->run, "Run id, unique prefix, or workflow name")->required();
  const auto [resume, resumed] =
      Add<ResumeOptions>(app, chosen, "resume", "Go on with a run whose worker is gone");
  resume->add_option("run", resumed->run, "Run id, unique prefix, or workflow name")->required();
  resume->add_flag("-d,--detach", resumed->detach, "Print the run id and return");
  const auto [cancel, cancelled] = Add<CancelOptions>(app, chosen, "cancel", "Cancel a run");
  cancel->add_option("run", cancelled->run, "Run id, unique prefix, or workflow name")->required();
  const auto [answer, answered] = Add<AnswerOptions>(
      app, chosen, "answer", "Answer a question of a run; without VALUE it is asked here");
  answer->add_option("run", answered->run, "Run id, unique prefix, or workflow name")->required();
  answer->add_option("question", answered->question, "Its id; default: the one that is open");
  CLI::Option* value =
      answer->add_option("value", answered->value, "Key, number or label of an option, or text");
  CLI::Option* key =
      answer->add_option("--key", answered->key, "Key of an option")->excludes(value);
  answer->add_option("--text", answered->text, "Free text")->excludes(value)->excludes(key);
  answer->add_flag("--list", answered->list, "Print all questions of the run");
  AddOfRun<PauseOptions>(app, chosen, "pause", "Pause a run after its stage");
  AddOfRun<UnpauseOptions>(app, chosen, "unpause", "Go on with a paused run");
  const auto [wait, waited] =
      Add<WaitOptions>(app, chosen, "wait", "Wait for a run; exits with its outcome");
  wait->add_option("run", waited->run, "Run id, unique prefix, or workflow name")->required();
  wait->add_option("--timeout", waited->timeout_seconds, "Give up after SECONDS, exit 124");
  wait->add_option("--interval", waited->interval_ms, "Look every MILLISECONDS")
      ->capture_default_str()
      ->check(CLI::Range(10, 3600000));
}

void AddWorkflow(CLI::App& app, Command& chosen) {
  const auto [validate, checked] =
      Add<ValidateOptions>(app, chosen, "validate", "Check a workflow and print every diagnostic");
  validate->add_option("workflow", checked->workflow, "Workflow file or name")->required();
  validate->add_option("-I,--input", checked->inputs, "Template input NAME=VALUE; repeatable");
  const auto [graph, drawn] = Add<GraphOptions>(app, chosen, "graph", "Draw a workflow");
  CLI::Option* file = graph->add_option("workflow", drawn->workflow, "Workflow file or name");
  graph->add_option("--run", drawn->run, "Instead: this run, with its path and states")
      ->excludes(file);
  graph->add_option("-d,--direction", drawn->direction, "lr (left to right) or tb (top to bottom)")
      ->check(CLI::IsMember({"lr", "tb"}));
  graph->add_option("--format", drawn->format, "svg, or dot (canonical, for Graphviz)")
      ->check(CLI::IsMember({"svg", "dot"}))
      ->capture_default_str();
  graph->add_option("-o,--output", drawn->output, "File; default: stdout");
}

void AddLooking(CLI::App& app, Command& chosen) {
  const auto [ps, listed] = Add<PsOptions>(app, chosen, "ps", "List runs");
  ps->add_flag("-a,--all", listed->all, "Ended runs too");
  ps->add_flag("-q", listed->ids_only, "Ids only");
  ps->add_option("--workflow", listed->workflow, "Of this workflow");
  ps->add_option("--label", listed->label, "With this label, KEY or KEY=VALUE");
  const auto [logs, followed] = Add<LogsOptions>(app, chosen, "logs", "Print the events of a run");
  logs->add_option("run", followed->run, "Run id, unique prefix, or workflow name")->required();
  logs->add_flag("-f,--follow", followed->follow, "Go on until the run ends");
  logs->add_flag("-p,--pretty", followed->pretty, "Lines for people instead of JSON Lines");
  logs->add_option("--since", followed->since, "A time (RFC 3339) or a span back (10m)");
  logs->add_option("-n,--tail", followed->tail, "Only the last N");
  const auto [inspect, shown] =
      Add<InspectOptions>(app, chosen, "inspect", "Print the state of a run as JSON");
  inspect->add_option("run", shown->run, "Run id, unique prefix, or workflow name")->required();
  const auto [rm, removed] = Add<RmOptions>(app, chosen, "rm", "Remove runs and what they keep");
  rm->add_option("runs", removed->runs, "Run ids or unique prefixes")->required();
  rm->add_flag("-f,--force", removed->force, "Cancel and remove active runs too");
  CLI::App* artifact = app.add_subcommand("artifact", "What a run left: list, cp");
  artifact->require_subcommand(1);
  const auto [list, artifacts] =
      Add<ArtifactListOptions>(*artifact, chosen, "list", "List artefacts");
  list->add_option("run", artifacts->run, "Run id, unique prefix, or workflow name")->required();
  list->add_option("--node", artifacts->node, "Of this node");
  const auto [copy, copied] =
      Add<ArtifactCopyOptions>(*artifact, chosen, "cp", "Copy artefacts out");
  copy->add_option("source", copied->source, "RUN, RUN:path, or RUN:result")->required();
  copy->add_option("destination", copied->destination, "Directory")->capture_default_str();
  copy->add_option("--node", copied->node, "Of this node");
  copy->add_flag("--tree", copied->tree, "Keep the folders");
}

void AddSetup(CLI::App& app, Command& chosen) {
  const auto [doctor, examined] =
      Add<DoctorOptions>(app, chosen, "doctor", "Is this machine ready, and if not, what to do");
  doctor->add_flag("--dry-run", examined->dry_run, "No probes of the kernel");
  CLI::App* workflow = app.add_subcommand("workflow", "Named workflows: list, create");
  workflow->require_subcommand(1);
  (void)Add<WorkflowListOptions>(*workflow, chosen, "list", "Named workflows, here and at home");
  const auto [create, made] =
      Add<WorkflowCreateOptions>(*workflow, chosen, "create", "Make one in .fabro/workflows");
  create->add_option("name", made->name, "Letters, digits, '_' and '-'")->required();
  create->add_option("-g,--goal", made->goal, "Its goal");
  const auto [settings, shown] =
      Add<SettingsOptions>(app, chosen, "settings", "Print the settings that hold here, and why");
  settings->add_option("workflow", shown->workflow, "Of this workflow; default: of this directory");
  CLI::Option* explain =
      settings->add_option("--explain", shown->explain, "Who gives this KEY its value");
  settings->add_flag("--keys", shown->keys, "Every key that there is, with its type and meaning")
      ->excludes(explain);
  settings->add_flag("--local", shown->local,
                     "Taken for compatibility; the settings of here are always meant");
  const auto [trust, trusted] = Add<TrustOptions>(
      app, chosen, "trust", "Agree to what a repository's settings start on this machine");
  trust->add_option("directory", trusted->directory, "The repository")->capture_default_str();
  CLI::Option* list = trust->add_flag("--list", trusted->list, "Print what was agreed to");
  trust->add_flag("--remove", trusted->remove, "Agree no longer")->excludes(list);
}

void AddModels(CLI::App& app, Command& chosen) {
  CLI::App* model = app.add_subcommand("model", "Language models: list, test");
  model->require_subcommand(1);
  const auto [list, listed] =
      Add<ModelListOptions>(*model, chosen, "list", "What is known of models, and which have keys");
  list->add_option("-p,--provider", listed->provider, "Of this provider");
  list->add_flag("-q", listed->ids_only, "Ids only");
  const auto [test, tested] = Add<ModelTestOptions>(
      *model, chosen, "test", "Call a model, or the default one of each provider with a key");
  test->add_option("-m,--model", tested->model, "This model, by id or alias");
  test->add_option("-p,--provider", tested->provider, "Of this provider");
  test->add_flag("--deep", tested->deep, "Call a tool too");
  CLI::App* provider = app.add_subcommand("provider", "Providers of models: login");
  provider->require_subcommand(1);
  const auto [login, key] =
      Add<ProviderLoginOptions>(*provider, chosen, "login", "Keep the key of a provider");
  login->add_option("--provider", key->provider, "anthropic, openai, gemini, …")->required();
  login->add_flag("--api-key-stdin", key->from_stdin, "Read the key from standard input");
}

void AddSecrets(CLI::App& app, Command& chosen) {
  CLI::App* secret = app.add_subcommand("secret", "Secrets of the vault: list, set, rm");
  secret->require_subcommand(1);
  (void)Add<SecretListOptions>(*secret, chosen, "list", "Names, never values");
  const auto [set, kept] = Add<SecretSetOptions>(*secret, chosen, "set", "Keep a secret");
  set->add_option("key", kept->name, "Its name: letters, digits and _")->required();
  CLI::Option* value =
      set->add_option("value", kept->value, "Its value; better given by --value-stdin");
  set->add_flag("--value-stdin", kept->from_stdin, "Read the value from standard input")
      ->excludes(value);
  set->add_option("--type", kept->type, "A word of yours: token, credential");
  set->add_option("--description", kept->description, "What it is for");
  const auto [rm, removed] = Add<SecretRmOptions>(*secret, chosen, "rm", "Remove a secret");
  rm->add_option("key", removed->name, "Its name")->required();
}

void AddRest(CLI::App& app, Command& chosen) {
  (void)Add<VersionOptions>(app, chosen, "version", "Print the version");
  const auto [completion, completed] =
      Add<CompletionOptions>(app, chosen, "completion", "Print a completion script");
  completion->add_option("shell", completed->shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  const auto [worker, run] = Add<WorkerOptions>(app, chosen, "__worker", "Not for people");
  worker->group("");  // Hidden.
  worker->add_option("run_directory", run->run_directory)->required();
}

void Describe(CLI::App& app, GlobalOptions& global, Command& chosen) {
  app.require_subcommand(1);
  app.fallthrough();  // Global options may stand behind the command.
  app.set_version_flag("-V,--version", "fabro " FABRO_VERSION);
  app.add_flag("--json", global.json, "Machine-readable output (JSON or JSON Lines)");
  app.add_flag("--debug", global.debug, "Everything, with causes");
  app.add_flag("--quiet", global.quiet, "Results only");
  app.add_flag("-v,--verbose", global.verbose, "More output");
  app.add_option("--storage-dir", global.storage_dir, "State; default ~/.fabro/storage");
  AddRun(app, chosen);
  AddExec(app, chosen);
  AddFollowing(app, chosen);
  AddWorkflow(app, chosen);
  AddLooking(app, chosen);
  AddHistory(app, chosen);
  AddSetup(app, chosen);
  AddModels(app, chosen);
  AddSecrets(app, chosen);
  AddRest(app, chosen);
}

void CollectWords(const CLI::App& app, const std::string& prefix, std::vector<std::string>& lines) {
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_group().empty()) continue;
    std::string line = prefix + command->get_name();
    const std::string name = line;
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& word : option->get_lnames()) line += " --" + word;
    }
    lines.push_back(line);
    CollectWords(*command, name + " ", lines);
  }
}

}  // namespace

std::variant<CommandLine, int> ParseCommandLine(int argc, char** argv) {
  CommandLine line;
  CLI::App app("Runs workflows: graphs whose stages run in sandboxes.", "fabro");
  Describe(app, line.global, line.command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& stopped) {
    constexpr int kUsage = 2;
    return app.exit(stopped, std::cout, std::cerr) == 0 ? 0 : kUsage;
  }
  return line;
}

std::vector<std::string> CommandWords() {
  GlobalOptions global;
  Command chosen;
  CLI::App app("", "fabro");
  Describe(app, global, chosen);
  std::vector<std::string> lines;
  CollectWords(app, "", lines);
  return lines;
}

}  // namespace fabro::cli
