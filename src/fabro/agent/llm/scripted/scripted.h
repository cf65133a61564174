// A model that says what a file tells it to: for tests, demos and dry runs. It streams, fails,
// hangs and is cancelled like the others. Which entry answers is said by Request::caller; which
// turn of it, by the number of this object's answers to that caller, so make one for each execution
// of a stage (a stage that runs again after a crash begins with its first turn). Spec: agent 15.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>

#include "fabro/agent/llm/adapter.h"
#include "fabro/agent/llm/scripted/script.h"

namespace fabro::llm {

enum class Unscripted {
  kOk,         // A node without entries answers "ok".
  kSimulated,  // It says that it was simulated, and its name: `--dry-run`.
};

class Scripted : public Adapter {
 public:
  explicit Scripted(std::shared_ptr<const Script> script, Unscripted unscripted = Unscripted::kOk)
      : script_(std::move(script)), unscripted_(unscripted) {}

  Result<Response> Call(const Request& request, const Sink& sink, int cancel_fd,
                        CallInfo& info) override;

 private:
  // What to do now, with how often the turn's error was given already taken into account.
  struct Step {
    ScriptTurn turn;
    bool fails = false;
    int number = 0;  // Of the call, for ids.
  };
  struct Position {
    std::size_t turn = 0;
    std::int64_t errors = 0;  // Of that turn.
    int calls = 0;
  };
  Step Next(const Request& request);
  const ScriptEntry* EntryOf(const Caller& caller) const;

  std::shared_ptr<const Script> script_;
  Unscripted unscripted_;
  std::mutex mutex_;  // Positions.
  std::map<std::tuple<std::string, std::uint64_t, std::string>, Position> positions_;
};

}  // namespace fabro::llm
