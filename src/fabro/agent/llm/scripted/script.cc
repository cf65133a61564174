#include "fabro/agent/llm/scripted/script.h"

#include <utility>

#include "fabro/codec/json/json.h"
#include "fabro/linux/file.h"

namespace fabro::llm {
namespace {

using model::Json;

Error Bad(const std::string& where, const std::string& what) {
  return Failure(Code::kInvalidArgument, "script: " + where + ": " + what, "script_invalid");
}

std::optional<double> Number(const Json& value) {
  if (const auto* whole = value.Int()) return static_cast<double>(*whole);
  if (const auto* real = value.Double()) return *real;
  return std::nullopt;
}

Result<ScriptTurn::Tool> ParseTool(const Json& value, const std::string& where) {
  ScriptTurn::Tool tool;
  tool.name = value.StringAt("name");
  if (tool.name.empty()) return Bad(where, "a tool call needs a name");
  const Json* args = value.Find("args");
  const Json* raw = value.Find("raw_args");
  if (args != nullptr && raw != nullptr) return Bad(where, "args and raw_args are two ways");
  if (raw != nullptr && raw->String() == nullptr) return Bad(where, "raw_args is a text");
  tool.arguments = raw != nullptr ? *raw->String() : args != nullptr ? args->Dump() : "{}";
  return tool;
}

Usage ParseUsage(const Json& value) {
  const auto optional = [&value](std::string_view key) -> std::optional<std::int64_t> {
    const Json* found = value.Find(key);
    if (found == nullptr || found->Int() == nullptr) return std::nullopt;
    return *found->Int();
  };
  return Usage{.input_tokens = value.IntAt("input"),
               .output_tokens = value.IntAt("output"),
               .reasoning_tokens = optional("reasoning"),
               .cache_read_tokens = optional("cache_read"),
               .cache_write_tokens = optional("cache_write")};
}

Status ParseError(const Json& value, const std::string& where, ScriptTurn& turn) {
  if (const Json* error = value.Find("error"); error != nullptr) {
    ErrorKind kind{};
    if (error->String() == nullptr || !KindByWord(*error->String(), kind)) {
      return Bad(where, "no such error: " + error->Dump());
    }
    turn.error = kind;
  }
  if (const Json* times = value.Find("times"); times != nullptr) {
    if (times->Int() == nullptr || *times->Int() < 1) return Bad(where, "times is 1 or more");
    turn.error_times = *times->Int();
  }
  if (const Json* after = value.Find("retry_after"); after != nullptr) {
    const auto seconds = Number(*after);
    if (!seconds.has_value() || *seconds < 0 || *seconds > 86400) {
      return Bad(where, "retry_after is a number of seconds, at most 86400");
    }
    turn.retry_after = std::chrono::milliseconds(static_cast<std::int64_t>(*seconds * 1000));
  }
  return {};
}

Status ParseFinish(const Json& value, const std::string& where, ScriptTurn& turn) {
  const std::string finish = value.StringAt("finish");
  if (finish.empty()) return {};
  for (const FinishReason reason :
       {FinishReason::kStop, FinishReason::kLength, FinishReason::kToolCalls,
        FinishReason::kContentFilter, FinishReason::kError, FinishReason::kOther}) {
    if (finish == ToString(reason)) turn.finish = reason;
  }
  if (!turn.finish.has_value()) return Bad(where, "no such finish reason: " + finish);
  return {};
}

// A misspelt key would make a test or a demo say less than it seems to.
Status OnlyKnownKeys(const Json& value, const std::string& where) {
  for (const auto& [key, unused] : *value.Members()) {
    static constexpr std::string_view kKeys[] = {"text",  "reasoning", "tools",       "error",
                                                 "times", "partial",   "retry_after", "finish",
                                                 "usage", "cost_usd",  "hang"};
    bool known = false;
    for (const std::string_view name : kKeys) known = known || name == key;
    if (!known) return Bad(where, "unknown key " + key);
  }
  return {};
}

Result<ScriptTurn> ParseTurn(const Json& value, const std::string& where) {
  if (value.Members() == nullptr) return Bad(where, "a turn is an object");
  TRY(OnlyKnownKeys(value, where));
  ScriptTurn turn;
  turn.text = value.StringAt("text");
  turn.reasoning = value.StringAt("reasoning");
  turn.partial = value.StringAt("partial");
  turn.hang = value.BoolAt("hang");
  if (const Json* tools = value.Find("tools"); tools != nullptr) {
    if (tools->Items() == nullptr) return Bad(where, "tools is a list");
    for (const Json& item : *tools->Items()) {
      ScriptTurn::Tool tool = TRY(ParseTool(item, where));
      turn.tools.push_back(std::move(tool));
    }
  }
  TRY(ParseError(value, where, turn));
  TRY(ParseFinish(value, where, turn));
  if (const Json* usage = value.Find("usage"); usage != nullptr) turn.usage = ParseUsage(*usage);
  if (const Json* cost = value.Find("cost_usd"); cost != nullptr) turn.cost_usd = Number(*cost);
  return turn;
}

Result<ScriptEntry> ParseEntry(const Json& value, const std::string& where) {
  ScriptEntry entry;
  const Json* turns = value.Find("turns");
  if (turns == nullptr) {
    ScriptTurn turn = TRY(ParseTurn(value, where));
    entry.turns.push_back(std::move(turn));
    return entry;
  }
  if (turns->Items() == nullptr || turns->Items()->empty() || value.Members()->size() != 1) {
    return Bad(where, "turns is a list of at least one, and stands alone");
  }
  for (const Json& item : *turns->Items()) {
    const std::string place = where + ", turn " + std::to_string(entry.turns.size() + 1);
    ScriptTurn turn = TRY(ParseTurn(item, place));
    entry.turns.push_back(std::move(turn));
  }
  return entry;
}

}  // namespace

Result<Script> ParseScript(std::string_view json) {
  const Json document = TRY_IN("script", codec::ParseJson(json));
  if (document.Members() == nullptr) return Bad("file", "is no object of nodes");
  Script script;
  for (const auto& [node, entries] : *document.Members()) {
    if (entries.Items() == nullptr) return Bad("node " + node, "is no list of entries");
    for (const Json& item : *entries.Items()) {
      std::vector<ScriptEntry>& list = script.nodes[node];
      const std::string where = "node " + node + ", entry " + std::to_string(list.size() + 1);
      ScriptEntry entry = TRY(ParseEntry(item, where));
      list.push_back(std::move(entry));
    }
  }
  return script;
}

Result<Script> LoadScript(const std::string& path) {
  const std::string text = TRY_IN("reading the script of the model", ReadFile(path));
  Script script = TRY_IN(path, ParseScript(text));
  return script;
}

}  // namespace fabro::llm
