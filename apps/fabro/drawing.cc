#include "drawing.h"

#include <chrono>

#include "fabro/base/duration.h"
#include "fabro/linux/file.h"
#include "fabro/store/event_store.h"
#include "fabro/workflow/graph/dot.h"
#include "fabro/workflow/render/render.h"
#include "fabro/workflow/validate/prepare.h"

namespace fabro::cli {
namespace {

fabro::Result<workflow::DotStates> StatesOf(const runs::RunRef& run) {
  workflow::DotStates states;
  const runs::RunSummary summary = TRY(runs::Inspect(run));
  for (const runs::StageSummary& stage : summary.stages) {
    states.status[stage.node_id] = stage.status;
    ++states.visits[stage.node_id];
    if (stage.duration_ms > 0) {
      states.note[stage.node_id] = HumanDuration(std::chrono::milliseconds(stage.duration_ms));
    }
  }
  auto events = TRY(store::OpenRunDb(run.dir, true));
  constexpr std::size_t kPage = 512;
  for (std::uint64_t after = 0;;) {
    const std::vector<model::Event> page = TRY(events->Read(after, kPage));
    if (page.empty()) return states;
    for (const model::Event& event : page) {
      if (event.name != "edge.selected") continue;
      ++states
            .taken[{event.properties.StringAt("from_node"), event.properties.StringAt("to_node")}];
    }
    after = page.back().seq;
  }
}

}  // namespace

fabro::Result<std::string> DotOfRun(const runs::RunRef& run, const std::string& direction) {
  const runs::RunSpec spec = TRY(runs::Spec(run));
  workflow::PrepareOptions options;
  options.mode = workflow::PrepareMode::kValidate;
  options.bundled = spec.files;
  workflow::Prepared prepared = workflow::PrepareGraph(spec.graph_source, options);
  if (!direction.empty()) {
    prepared.graph.attributes.Set({.key = "rankdir",
                                   .text = direction == "lr" ? "LR" : "TB",
                                   .type = workflow::ValueType::kBareword,
                                   .at = {}});
  }
  const workflow::DotStates states = TRY(StatesOf(run));
  return workflow::ToDot(prepared.graph, states);
}

void DrawRun(const runs::RunRef& run, Console& console) {
  const fabro::Result<std::string> dot = DotOfRun(run, "");
  const fabro::Result<std::string> svg =
      dot.ok() ? workflow::RenderSvg(*dot) : fabro::Result<std::string>(dot.error());
  const Status written =
      svg.ok() ? ReplaceFile(run.dir + "/graph.svg", *svg, 0600) : Status(svg.error());
  if (!written.ok()) console.Warn(written.error().ToString());
}

}  // namespace fabro::cli
