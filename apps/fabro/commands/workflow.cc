// `fabro validate` and `fabro graph`: a workflow as it is written, without running it.
#include <fstream>

#include "../drawing.h"
#include "../workflow_source.h"
#include "commands.h"
#include "fabro/linux/file.h"
#include "fabro/workflow/graph/dot.h"
#include "fabro/workflow/render/render.h"
#include "shared.h"

namespace fabro::cli {
namespace {

config::Flags FlagsOf(const std::vector<std::string>& inputs) {
  config::Flags flags;
  flags.inputs = inputs;
  return flags;
}

}  // namespace

int Run(const ValidateOptions& options, const GlobalOptions& /*global*/, Console& console) {
  const fabro::Result<WorkflowSource> source =
      LoadWorkflow(options.workflow, FlagsOf(options.inputs));
  if (!source.ok()) return console.Fail(source.error());
  const workflow::Prepared prepared = Prepare(*source, workflow::PrepareMode::kValidate);
  PrintDiagnostics(*source, prepared, /*as_result=*/true, console);
  if (prepared.ok()) {
    console.Say(source->path + ": valid, " + std::to_string(prepared.graph.nodes.size()) +
                " nodes, " + std::to_string(prepared.graph.edges.size()) + " edges");
  }
  return prepared.ok() ? kOk : kUsage;
}

namespace {

fabro::Result<std::string> DotOf(const GraphOptions& options, const GlobalOptions& global,
                                 Console& console) {
  if (!options.run.empty()) {
    const runs::RunRef run = TRY(FindRun(global, options.run));
    return DotOfRun(run, options.direction);
  }
  const WorkflowSource source = TRY(LoadWorkflow(options.workflow, {}));
  workflow::Prepared prepared = Prepare(source, workflow::PrepareMode::kValidate);
  if (prepared.graph.nodes.empty()) {  // Nothing to draw: it does not even parse.
    PrintDiagnostics(source, prepared, /*as_result=*/false, console);
    return Failure(Code::kInvalidArgument, "there is nothing to draw in " + source.path, "no_graph",
                   "fabro validate " + source.path);
  }
  if (!options.direction.empty()) {
    prepared.graph.attributes.Set({.key = "rankdir",
                                   .text = options.direction == "lr" ? "LR" : "TB",
                                   .type = workflow::ValueType::kBareword,
                                   .at = {}});
  }
  return workflow::ToDot(prepared.graph);
}

}  // namespace

int Run(const GraphOptions& options, const GlobalOptions& global, Console& console) {
  if (options.workflow.empty() && options.run.empty()) {
    return console.Fail(Failure(Code::kInvalidArgument, "a workflow or --run RUN is needed",
                                "usage", "fabro graph --help"));
  }
  const fabro::Result<std::string> dot = DotOf(options, global, console);
  if (!dot.ok()) return console.Fail(dot.error());
  const fabro::Result<std::string> drawing =
      options.format == "dot" ? fabro::Result<std::string>(*dot) : workflow::RenderSvg(*dot);
  if (!drawing.ok()) return console.Fail(drawing.error());
  if (options.output.empty() || options.output == "-") {
    console.Result(*drawing);
    return kOk;
  }
  const Status written = ReplaceFile(options.output, *drawing);
  if (!written.ok()) return console.Fail(written.error());
  console.Say("wrote " + options.output);
  return kOk;
}

}  // namespace fabro::cli
