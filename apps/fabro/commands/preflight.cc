// `fabro preflight WORKFLOW`: everything that `fabro run` would find out, without running.
#include <algorithm>
#include <array>

#include "../checks.h"
#include "../following.h"
#include "../spec_settings.h"
#include "../trust_question.h"
#include "../workflow_source.h"
#include "commands.h"
#include "fabro/environment/environment.h"
#include "fabro/git/repository.h"
#include "fabro/jail/host/host_probe.h"
#include "run_options.h"

namespace fabro::cli {
namespace {

void CheckWorkflow(const WorkflowSource& source, const workflow::Prepared& prepared,
                   std::vector<Check>& checks) {
  for (const std::string& note : source.settings.notes) {
    checks.push_back(Warned("workflow", "settings", note, "write what the note says"));
  }
  const std::string size = std::to_string(prepared.graph.nodes.size()) + " nodes";
  if (prepared.ok()) {
    checks.push_back(Pass("workflow", source.path,
                          size + ", " + std::to_string(prepared.graph.edges.size()) + " edges"));
  }
  for (const workflow::Diagnostic& one : prepared.diagnostics) {
    const std::string place =
        source.path + ":" + std::to_string(one.at.line) + ":" + std::to_string(one.at.column);
    const bool error = one.severity == workflow::Severity::kError;
    std::string message = place + ": " + one.message + " [" + one.rule + "]";
    checks.push_back(error ? Failed("workflow", "diagnostic", std::move(message), one.hint)
                           : Warned("workflow", "diagnostic", std::move(message), one.hint));
  }
}

void CheckRepository(std::vector<Check>& checks) {
  const auto found = git::Discover(".");
  if (!found.ok()) {
    checks.push_back(Failed("repository", "git", found.error()));
    return;
  }
  if (!*found) {
    checks.push_back(Warned("repository", "git", "this directory is in no repository",
                            "git init; without it there are no checkpoints and no branch"));
    return;
  }
  const git::Repository& repository = **found;
  if (repository.head.empty()) {
    checks.push_back(Warned("repository", "HEAD", "there is no commit yet", "git commit"));
  } else {
    checks.push_back(Pass("repository", "HEAD",
                          repository.head.substr(0, 12) + " on " +
                              (repository.branch.empty() ? "no branch" : repository.branch)));
  }
  const auto dirty = git::IsDirty(repository);
  if (dirty.ok() && *dirty) {
    checks.push_back(Warned("repository", "changes", "what is not committed is not in a clone",
                            "commit it, or run with --environment local"));
  }
  if (!repository.origin.empty()) {
    checks.push_back(Pass("repository", "origin", repository.origin));
  }
}

void CheckEnvironment(const WorkflowSource& source, const RunOptions& options,
                      std::vector<Check>& checks) {
  const auto resolved = environment::Resolve(source.settings, {.in_place = options.in_place});
  if (!resolved.ok()) {
    checks.push_back(Failed("environment", source.settings.environment, resolved.error()));
    return;
  }
  const std::string from = source.settings.OriginOf("run.environment.id").place;
  checks.push_back(Pass("environment", resolved->slug, "chosen by " + from));
  for (const environment::Warning& warning : resolved->warnings) {
    checks.push_back(Warned("environment", warning.code,
                            (warning.path.empty() ? "" : warning.path + ": ") + warning.message,
                            ""));
  }
  const bool local = resolved->provider == environment::Provider::kLocal;
  if (!local) {
    const auto level = model::ParseLevel(resolved->level);
    if (level) CheckNamespace(jail::ProbeHost(), *level, /*required=*/true, checks);
  }
  const auto effects = config::HostEffects(source.settings, local, Here().home);
  const auto store = LoadTrust();
  const auto missing = store.ok() ? store->Missing(effects) : effects;
  for (const config::HostEffect& effect : missing) {
    if (options.trust) break;
    checks.push_back(Failed("trust", effect.place, effect.what,
                            "read it, then: fabro trust " + effect.root + ", or give --trust"));
  }
  std::map<std::string, std::string> env = resolved->env;
  const Status filled =
      config::InterpolateAll(env, "run.environment.env", ReferencesIn(CredentialsOf(".")));
  if (!filled.ok()) checks.push_back(Failed("credentials", "reference", filled.error()));
}

struct Key {
  std::string_view provider;
  std::array<const char*, 2> names;
};
constexpr auto kKeys = std::to_array<Key>({{"anthropic", {"ANTHROPIC_API_KEY", nullptr}},
                                           {"openai", {"OPENAI_API_KEY", nullptr}},
                                           {"gemini", {"GEMINI_API_KEY", "GOOGLE_API_KEY"}},
                                           {"kimi", {"KIMI_API_KEY", nullptr}},
                                           {"zai", {"ZAI_API_KEY", nullptr}},
                                           {"minimax", {"MINIMAX_API_KEY", nullptr}},
                                           {"inception", {"INCEPTION_API_KEY", nullptr}}});

// Agents and prompts talk to a model, and its provider wants a key.
void CheckModels(const WorkflowSource& source, const workflow::Prepared& prepared,
                 std::vector<Check>& checks) {
  const auto& nodes = prepared.graph.nodes;
  const auto talks = [](const workflow::Node& node) {
    return node.kind == workflow::NodeKind::kAgent || node.kind == workflow::NodeKind::kPrompt;
  };
  if (std::none_of(nodes.begin(), nodes.end(), talks)) return;
  const std::string wanted = source.settings.model.provider.value_or("");
  const config::Credentials credentials = CredentialsOf(".");
  std::string names;
  for (const Key& key : kKeys) {
    if (!wanted.empty() && wanted != key.provider) continue;
    for (const char* name : key.names) {
      if (name == nullptr) continue;
      if (credentials.Find(name)) {
        checks.push_back(Pass("models", std::string(key.provider),
                              std::string(name) + " from " + credentials.SourceOf(name)));
        return;
      }
      names += (names.empty() ? "" : " or ") + std::string(name);
    }
  }
  if (names.empty()) return;  // A provider of the user's own, or the scripted one.
  checks.push_back(Warned("models", wanted.empty() ? "provider" : wanted,
                          "the workflow talks to a model, and there is no key",
                          "set " + names + ", or put it into ~/.fabro/.env"));
}

}  // namespace

int Run(const PreflightOptions& options, const GlobalOptions& global, Console& console) {
  std::vector<Check> checks;
  const fabro::Result<WorkflowSource> source =
      LoadWorkflow(options.run.workflow, FlagsOf(options.run));
  if (!source.ok()) return console.Fail(source.error());
  const workflow::Prepared prepared = Prepare(*source, workflow::PrepareMode::kRun);
  CheckWorkflow(*source, prepared, checks);
  CheckRepository(checks);
  CheckEnvironment(*source, options.run, checks);
  CheckDotenv(".", checks);
  CheckModels(*source, prepared, checks);
  const fabro::Result<std::string> storage = StorageDir(global);
  if (storage.ok()) CheckStorage(*storage, checks);
  model::Json diagnostics = model::Json::MakeArray();
  for (const workflow::Diagnostic& one : prepared.diagnostics) {
    diagnostics.Push(DiagnosticJson(*source, one));
  }
  const bool ok =
      Report(checks, model::Json::MakeObject().Set("diagnostics", std::move(diagnostics)), console);
  return ok ? kOk : kUsage;
}

}  // namespace fabro::cli
