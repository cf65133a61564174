// One agent: a model, its tools and what was said so far (agent, sections 1 and 2). Submit gives it
// work and blocks until it has answered; Steer may be called from any thread meanwhile.
//
// A tool's failure goes back to the model and ends nothing; an Error of Submit is the model's
// provider, a limit, a cancellation, or a sink that could not store.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "fabro/agent/llm/model.h"
#include "fabro/agent/loop/event.h"
#include "fabro/agent/loop/history.h"
#include "fabro/agent/loop/repetition.h"
#include "fabro/agent/permissions/permissions.h"
#include "fabro/agent/tools/guard.h"
#include "fabro/agent/tools/toolbox.h"

namespace fabro::agent {

struct SessionConfig {
  std::string model;
  std::string provider;
  std::string reasoning_effort;
  std::string speed;
  std::optional<std::int64_t> max_tokens{};
  std::string system_prompt;
  std::uint64_t max_turns = 0;   // Model turns of the whole session; 0: unlimited.
  std::uint64_t max_rounds = 0;  // Rounds of tools of one input; 0: unlimited.
  Nanos default_command_timeout = std::chrono::seconds(10);
  Nanos max_command_timeout = std::chrono::seconds(600);
  std::int64_t context_window = 200'000;  // Tokens.
  bool vision = false;
  bool parallel_calls = true;
  bool loop_detection = true;
  std::size_t loop_window = 10;
  std::map<std::string, std::size_t> tool_output_limits{};  // Characters, by tool.
};

// What surrounds one Submit. A session that goes on in a later stage gets another one.
struct SubmitIo {
  EventSink events;     // May be null.
  int cancel_fd = -1;   // Readable: stop. Not owned.
  std::string exec_id;  // "<run>/<n>": commands get ".<m>" behind it.
  llm::Caller caller;   // Who asks, for the scripted model.
  // Before each model call; an Error ends the session with it. May be null.
  std::function<Status()> may_call{};
  // The model is alive and said nothing that is an event: for watchdogs. May be null.
  std::function<void()> touch{};
  // Output of commands as it comes. May be null.
  std::function<Status(provider::Stream, std::string_view)> output{};
};

struct Answer {
  enum class End { kNatural, kTurnLimit, kRoundLimit };
  End end = End::kNatural;
  std::string text;  // The last message without tool calls; at a limit the last text there was.
  llm::Usage usage;  // Of this Submit, compactions included.
  std::optional<double> cost_usd;
  std::string provider;  // Who answered last.
  std::string model;
  std::uint64_t turns = 0;
  std::uint64_t tool_calls = 0;
};

class Session {
 public:
  // Borrows model and sandbox. `read` is what a parent has read; empty for others.
  Session(llm::Model& model, provider::Sandbox& sandbox, Toolbox tools,
          std::shared_ptr<Permissions> permissions, SessionConfig config, const ReadSet& read = {});
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() = default;

  Result<Answer> Submit(std::string input, const SubmitIo& io);

  // Thread-safe. Delivered before the next model call, in order.
  void Steer(std::string text);
  // Thread-safe. New inputs after the current one has ended, one at a time.
  void FollowUp(std::string text);

  const std::string& id() const { return id_; }
  GuardedSandbox& place() { return place_; }
  const ReadSet& read() const { return read_; }
  Toolbox& tools() { return tools_; }
  Permissions& permissions() { return *permissions_; }
  std::shared_ptr<Permissions> shared_permissions() const { return permissions_; }
  // A later stage may go on with another model. Between two Submits only.
  void UseModel(llm::Model& model) { model_ = &model; }
  SessionConfig& config() { return config_; }
  const SessionConfig& config() const { return config_; }
  const History& history() const { return history_; }
  // Normalized paths that tools wrote or deleted, of this session and its children. Thread-safe.
  std::vector<std::string> Touched() const;
  void AddTouched(const std::vector<std::string>& paths);
  // What children used counts as ours. Thread-safe.
  void AddUsage(const llm::Usage& usage, std::optional<double> cost);

 private:
  struct Call;  // calls.cc

  Result<Answer> Work(const std::string& input, const SubmitIo& io);
  Status DeliverSteering(const SubmitIo& io);
  Status Emit(const SubmitIo& io, std::string name, model::Json properties, bool delta = false);

  // model_turn.cc
  Result<llm::Response> NextTurn(const SubmitIo& io);
  Result<llm::Response> CallModel(llm::Request request, const SubmitIo& io);
  Status OnStream(const llm::StreamEvent& event, const SubmitIo& io, std::string& text);
  llm::Request MakeRequest(const SubmitIo& io) const;
  void Count(const llm::Response& response);

  // calls.cc
  Status RunCalls(const llm::Response& response, const SubmitIo& io);
  Status Prepare(Call& call, const SubmitIo& io);
  Status AskPermission(Call& call, const SubmitIo& io);
  Status Execute(std::vector<Call>& calls, const SubmitIo& io);
  Status RunOne(Call& call, const SubmitIo& io);
  Status DetectLoop(const std::vector<Call>& calls, const SubmitIo& io);

  // compaction.cc
  Status CheckContext(const SubmitIo& io);
  Status Compact(const SubmitIo& io);
  std::string TrackedFiles() const;

  std::string id_;
  llm::Model* model_;
  ReadSet read_;
  GuardedSandbox place_;
  Toolbox tools_;
  std::shared_ptr<Permissions> permissions_;
  SessionConfig config_;
  History history_;
  Repetition repetition_;
  std::uint64_t turns_ = 0;
  std::atomic<std::uint64_t> execs_ = 0;
  Answer answer_;  // Of the Submit that goes on.

  mutable std::mutex mutex_;  // What other threads touch: the rest.
  std::deque<std::string> steering_;
  std::deque<std::string> follow_ups_;
  std::set<std::string> touched_;
  std::mutex emitting_;
};

}  // namespace fabro::agent
