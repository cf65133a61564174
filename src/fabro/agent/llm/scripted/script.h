// What a scripted model says: for each node a list of entries, one for each attempt of the node's
// handler; the last one repeats. The file is JSON, {"node": [entry, …], …}; the node "*" stands for
// all that are not named. An entry is
//
//   {"text": "…"}               one turn that ends the stage's loop
//   {"error": "rate_limit"}     every call fails so (words: error.cc)
//   {"turns": [turn, …]}        one answer a call, in order
//
// and a turn, like an entry, has any of
//
//   text        what is said
//   reasoning   what is thought before
//   tools       [{"name": …, "args": {…}} or {"name": …, "raw_args": "not JSON"}]
//   error       fails. `times`: only so often, then the turn is answered. `partial`: text that is
//               streamed before. `retry_after`: seconds, as a server's header would say
//   finish      "length", "content_filter": instead of what follows from the turn
//   usage       {"input", "output", "reasoning", "cache_read", "cache_write"}; absent: estimated
//   cost_usd    a number
//   hang        true: no answer until the call is cancelled
//
// After the last turn the answer is that turn's text again, without tools. Spec: agent 15.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/agent/llm/model.h"

namespace fabro::llm {

struct ScriptTurn {
  std::string text{};
  std::string reasoning{};
  struct Tool {
    std::string name{};
    std::string arguments{};
  };
  std::vector<Tool> tools;
  std::optional<ErrorKind> error;
  std::string partial{};
  std::optional<std::int64_t> error_times;  // Unset: always.
  std::optional<std::chrono::milliseconds> retry_after;
  std::optional<FinishReason> finish;
  std::optional<Usage> usage;
  std::optional<double> cost_usd;
  bool hang = false;
};

struct ScriptEntry {
  std::vector<ScriptTurn> turns{};  // Never empty.
};

struct Script {
  std::map<std::string, std::vector<ScriptEntry>, std::less<>> nodes{};
};

// Errors: kInvalidArgument, "script_invalid", naming node, entry and turn.
Result<Script> ParseScript(std::string_view json);
// `path` as written in settings or FABRO_SCRIPT, already absolute or from the working directory.
Result<Script> LoadScript(const std::string& path);

}  // namespace fabro::llm
