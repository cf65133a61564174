// What runs a node kind. One handler a kind, each in a file of workflow/handlers/, listed by hand
// in handlers/table.cc. Handlers keep no state of their own: everything is in the StageTask and in
// the outcome, so one handler runs in several threads at once (parallel branches).
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
#include "fabro/workflow/engine/question.h"
#include "fabro/workflow/graph/graph.h"

namespace fabro::workflow {

// What a running stage may ask of its engine. Thread-safe; valid while Handler::Run runs.
class StageServices {
 public:
  virtual ~StageServices() = default;

  // A value of the run's context as text, blobs read; none: there is no such key.
  virtual std::optional<std::string> Text(std::string_view key) const = 0;
  // The same as it is stored (blob references stay); null: there is no such key.
  virtual model::Json Value(std::string_view key) const = 0;

  // Stores an event of this stage; on disk when it returns. An `agent.message` with `usage`
  // {input_tokens, output_tokens, cost_usd?} is what the run's budgets count.
  virtual Status Emit(std::string name, model::Json properties) = 0;
  // Something happens that is no event (a delta of a stream): keeps the stall watchdog quiet.
  virtual void Touch() = 0;

  // Asks a person and waits for the answer (5A). A question that an earlier worker asked for this
  // stage is asked again under its id; its recorded answer is used. `id` is given here.
  // kCancelled "suspended": the worker is to end; return StageOutcome::Suspended() at once.
  virtual Result<Answer> Ask(Question question) = 0;

  // Lets time pass; counts as no stall. kSuspended as above.
  enum class Slept { kWhole, kCancelled, kSuspended };
  virtual Slept Sleep(Nanos span) = 0;

  // False before a model call: a budget is spent, return StageOutcome::Suspended() (on_limit =
  // "pause"). The error of on_limit = "fail" is kResourceExhausted "budget_exhausted".
  virtual Result<bool> MayCallModel() = 0;

  // What goes before the prompt for this stage's fidelity (7.2); empty for `full`.
  virtual std::string Preamble() const = 0;
  // Number of earlier attempts of this node that the store knows as finished; what a scripted model
  // counts by (agent specification, 15).
  virtual std::uint64_t FinishedAttempts() const = 0;
};

// One attempt of one stage.
struct StageTask {
  const Graph& graph;
  const Node& node;
  std::string stage_id;  // "build@2".
  std::uint64_t visit = 1;
  std::uint32_t attempt = 1;
  std::optional<Nanos> timeout;  // Of this attempt.
  provider::Sandbox* sandbox;    // Null in dry runs.
  bool dry_run = false;
  int cancel_fd = -1;
  std::string exec_id;  // Unique per run.
  // Where output goes as it comes: the stage's files; counts as activity. An Error (disk full) ends
  // the command.
  std::function<Status(provider::Stream, std::string_view)> output;

  StageServices* services = nullptr;  // Never null in a run; neither is the next.
  const GraphIndex* index = nullptr;
  std::string goal;                  // Effective, rendered.
  std::string fidelity = "compact";  // Resolved (7.2).
  std::string thread_key;            // Of `full` fidelity (7.3), else empty.
  std::int64_t began_ms = 0;  // Unix time at which this visit first started, whoever started it.
  std::int64_t now_ms = 0;
};

class Handler {
 public:
  virtual ~Handler() = default;
  virtual StageOutcome Run(const StageTask& task) const = 0;
};

using HandlerTable = std::map<NodeKind, const Handler*>;

}  // namespace fabro::workflow
