#include "workflow_source.h"

#include <cstdlib>
#include <filesystem>

#include "fabro/base/byte_size.h"
#include "fabro/linux/file.h"

namespace fabro::cli {
namespace {

std::optional<std::string> Variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

// "hello" of examples/hello/workflow.fabro, "build" of build.fabro.
std::string NameOf(const std::string& graph) {
  const std::filesystem::path path = std::filesystem::absolute(graph).lexically_normal();
  const std::string stem = path.stem();
  const bool generic = stem == "workflow" && path.parent_path().has_filename();
  return generic ? path.parent_path().filename().string() : stem;
}

}  // namespace

config::Surroundings Here() {
  config::Surroundings around;
  around.home = Variable("HOME").value_or("");
  around.variable = Variable;
  return around;
}

config::Credentials CredentialsOf(const std::string& directory) {
  return config::Credentials::Load(Variable("HOME").value_or(""), config::ProjectRoot(directory),
                                   Variable);
}

fabro::Result<WorkflowSource> LoadWorkflow(const std::string& argument,
                                           const config::Flags& flags) {
  config::LoadedSettings loaded = TRY(config::Load(argument, flags, Here()));
  WorkflowSource source;
  source.path = loaded.settings.graph.value_or(argument);
  source.name = NameOf(source.path);
  source.directory = std::move(loaded.workflow_directory);
  source.settings = std::move(loaded.settings);
  source.text = TRY(workflow::ReadWorkflowFile(source.path));
  source.goal = source.settings.goal;
  if (source.settings.goal_file) {
    source.goal = TRY_IN("reading the goal", ReadFile(*source.settings.goal_file, 1_MiB));
  }
  return source;
}

workflow::Prepared Prepare(const WorkflowSource& source, workflow::PrepareMode mode) {
  workflow::PrepareOptions options;
  options.mode = mode;
  options.inputs = source.settings.inputs;
  options.goal = source.goal;
  options.directory = source.directory;
  options.home = Variable("HOME").value_or("");
  return workflow::PrepareGraph(source.text, options);
}

model::Json DiagnosticJson(const WorkflowSource& source, const workflow::Diagnostic& diagnostic) {
  model::Json json = model::Json::MakeObject();
  json.Set("path", source.path).Set("line", diagnostic.at.line);
  json.Set("column", diagnostic.at.column).Set("rule", diagnostic.rule);
  json.Set("severity", workflow::SeverityName(diagnostic.severity));
  json.Set("message", diagnostic.message).SetIfAny("hint", diagnostic.hint);
  return json.SetIfAny("node", diagnostic.node);
}

void PrintDiagnostics(const WorkflowSource& source, const workflow::Prepared& prepared,
                      bool as_result, Console& console) {
  for (const workflow::Diagnostic& diagnostic : prepared.diagnostics) {
    std::string text;
    if (console.json()) {
      text = DiagnosticJson(source, diagnostic).Dump();
    } else {
      text = workflow::FormatDiagnostic(source.path, diagnostic);
      if (!text.empty() && text.back() == '\n') text.pop_back();
    }
    if (as_result || console.json()) {
      console.Result(text);
    } else {
      console.Say(text);
    }
  }
}

}  // namespace fabro::cli
