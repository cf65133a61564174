// What runs a node kind. One handler a kind, each in a file of workflow/handlers/, listed by hand
// in handlers/table.cc. Handlers keep no state of their own: everything is in the StageTask and in
// the outcome.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "fabro/base/duration.h"
#include "fabro/base/result.h"
#include "fabro/provider/provider.h"
#include "fabro/workflow/engine/outcome.h"
#include "fabro/workflow/graph/graph.h"

namespace fabro::workflow {

// One attempt of one stage.
struct StageTask {
  const Graph& graph;
  const Node& node;
  std::string stage_id;  // "build@2".
  std::uint32_t attempt = 1;
  std::optional<Nanos> timeout;  // Of this attempt.
  provider::Sandbox* sandbox;    // Null in dry runs.
  bool dry_run = false;
  int cancel_fd = -1;
  std::string exec_id;  // Unique per run.
  // Where output goes as it comes: the stage's files; counts as activity. An Error (disk full) ends
  // the command.
  std::function<Status(provider::Stream, std::string_view)> output;
};

class Handler {
 public:
  virtual ~Handler() = default;
  virtual StageOutcome Run(const StageTask& task) const = 0;
};

using HandlerTable = std::map<NodeKind, const Handler*>;

}  // namespace fabro::workflow
