// What the workflow engine knows of agents: a stage is given to `Agents`, which answers with what
// the model said and did. Header-only, so that `workflow` links neither a model nor a tool.
// Spec: workflow language, 3.2, 3.3 and 4; agent, 5.3 and 6.5.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/duration.h"
#include "fabro/base/result.h"
#include "fabro/model/json.h"

namespace fabro::provider {
class Sandbox;
}

namespace fabro::agent {

// What is wanted of a model, as the workflow names it. Empty: the run's default.
struct ModelChoice {
  std::string model{};
  std::string provider{};
  std::string reasoning_effort{};
  std::string speed{};
  std::optional<std::int64_t> max_tokens{};
  // Of the graph: below what the run's configuration says.
  std::string graph_model{};
  std::string graph_provider{};
};

// A person is asked whether a call outside the level may run.
struct StagePermission {
  std::string tool_name;
  std::string category;         // "shell".
  std::string arguments;        // Shortened, harmless on a terminal.
  std::string level;            // What the session has: "read-write".
  std::int64_t timeout_ms = 0;  // How long an answer is waited for; 0: for ever.
};
enum class StageConsent { kYes, kAlways, kNo, kNobody };  // kNobody: there is nobody to ask.
struct StageAnswerer {
  StageConsent consent = StageConsent::kNobody;
  std::string by{};
};

// One attempt of one stage. Callbacks may come from several threads, `event` never from two at
// once.
struct StageRequest {
  std::string node;
  std::string stage_id;                 // "build@2".
  std::uint64_t finished_attempts = 0;  // Of this node, in the store.
  bool one_call = false;                // A prompt node: one answer, no tools.
  bool project_memory = true;           // A prompt node's: project documents are its system prompt.
  bool dry_run = false;                 // Nothing but the scripted model is called.
  std::string prompt;                   // Preamble included.
  std::string thread_key;               // Not empty: goes on where that thread's last stage ended.
  ModelChoice choice;
  provider::Sandbox* sandbox = nullptr;  // Not owned; null in dry runs.
  int cancel_fd = -1;                    // Readable: stop.
  std::string exec_id;
  std::optional<Nanos> timeout{};

  std::function<Status(std::string name, model::Json properties)> event;  // Stored on return.
  std::function<void(std::string_view name, const model::Json& properties)> delta;  // Shown only.
  std::function<Status(bool is_stderr, std::string_view bytes)> output;
  std::function<Status()> may_call;  // Before each call of a model: budgets.
  std::function<Result<StageAnswerer>(const StagePermission&)> ask;
};

// What routes after a stage, found in the answer or in status.json (workflow language, section 4).
struct Directives {
  std::string outcome;  // "succeeded", "failed", "partially_succeeded", "skipped", "retry"; empty.
  std::string failure_reason;
  std::string preferred_next_label;
  std::vector<std::string> suggested_next_ids;
  model::Json context_updates = model::Json::MakeObject();
  std::string notes;
  std::vector<std::string> warnings;  // What was left out, and why.
};

struct StageAnswer {
  std::string text;  // Whole.
  std::optional<Directives> directives{};
  std::vector<std::string> files_touched{};  // Sorted, unique; relative to the working directory.
  model::Json usage{};                       // Of the stage; null: no call was made.
  std::string model;
  std::string provider;
  std::vector<std::string> warnings{};
};

class Agents {
 public:
  virtual ~Agents() = default;

  // Thread-safe: branches run side by side. An Error's `reason` is the model's ("llm_…"), "timeout"
  // or of what a callback gave.
  virtual Result<StageAnswer> Run(const StageRequest& request) = 0;
  // Of an Error of Run: "transient_infra", "deterministic", "budget_exhausted", "canceled".
  virtual std::string_view FailureClass(const Error& error) const = 0;
  // Reaches the agent that works on this stage; empty: all of them. False: nobody does.
  virtual bool Steer(std::string_view node, const std::string& text) = 0;
};

}  // namespace fabro::agent
