#include "fabro/workflow/engine/state.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

namespace fabro::workflow {
namespace {

using model::Event;
using model::Json;

constexpr std::size_t kPage = 512;            // Events read at once.
constexpr std::size_t kRecordedText = 20000;  // Bytes of a response kept for preambles.

template <typename Map>
Json CountsToJson(const Map& counts) {
  Json json = Json::MakeObject();
  for (const auto& [key, value] : counts) json.Set(key, Json(value));
  return json;
}

std::map<std::string, std::uint64_t> CountsOf(const Json* json) {
  std::map<std::string, std::uint64_t> counts;
  if (json == nullptr || json->Members() == nullptr) return counts;
  for (const auto& [key, value] : *json->Members()) {
    if (const std::int64_t* count = value.Int()) counts[key] = static_cast<std::uint64_t>(*count);
  }
  return counts;
}

std::map<std::string, std::string> WordsOf(const Json* json) {
  std::map<std::string, std::string> words;
  if (json == nullptr || json->Members() == nullptr) return words;
  for (const auto& [key, value] : *json->Members()) {
    if (const std::string* word = value.String()) words[key] = *word;
  }
  return words;
}

void SetOrErase(std::map<std::string, Json>& context, const std::string& key,
                const std::string& text) {
  if (text.empty()) {
    context.erase(key);
  } else {
    context[key] = Json(text);
  }
}

std::uint64_t OrdinalIn(const std::string& stage_id) {
  std::uint64_t ordinal = 1;
  const std::size_t at = stage_id.rfind('@');
  if (at == std::string::npos) return ordinal;
  std::from_chars(stage_id.data() + at + 1, stage_id.data() + stage_id.size(), ordinal);
  return ordinal;
}

void Started(const Event& event, Traversal& walk, RunState& state) {
  const Json& properties = event.properties;
  // A first attempt is a new visit; a further attempt or a rerun belongs to the one in flight.
  const bool same_visit = walk.phase == Phase::kInFlight && walk.stage_id == event.stage_id;
  if (!same_visit) {
    const std::uint64_t ordinal = OrdinalIn(event.stage_id);
    walk.stage_id = event.stage_id;
    walk.visit =
        static_cast<std::uint64_t>(properties.IntAt("visit", static_cast<std::int64_t>(ordinal)));
    walk.index = static_cast<std::uint64_t>(properties.IntAt("index"));
    walk.began_ms = UnixMillis(event.ts);
    walk.counters->Saw(event.node_id, {.ordinal = ordinal, .count = walk.visit});
    walk.question_id.clear();
    walk.question.reset();
    walk.answer.reset();
    state.stages = std::max(state.stages, walk.index + 1);
  }
  walk.phase = Phase::kInFlight;
  walk.node = event.node_id;
  walk.attempt = static_cast<std::uint32_t>(properties.IntAt("attempt", 1));
  walk.context["current_node"] = Json(event.node_id);
  walk.context["internal.node_visit_count"] = Json(walk.visit);
  SetOrErase(walk.context, "internal.fidelity", properties.StringAt("fidelity"));
  SetOrErase(walk.context, "internal.thread_id", properties.StringAt("thread_key"));
}

StageRecord RecordOf(const Event& event, const std::string& kind, const std::string& status) {
  const Json& properties = event.properties;
  StageRecord record{.node = event.node_id,
                     .kind = kind,
                     .status = status,
                     .error = properties.StringAt("error"),
                     .output = {},
                     .response = {},
                     .details = {},
                     .usage = {},
                     .files = properties.StringsAt("files_touched")};
  if (const Json* details = properties.Find("details")) record.details = *details;
  if (const Json* usage = properties.Find("usage")) record.usage = *usage;
  if (const Json* updates = properties.Find("context_updates")) {
    record.output = updates->StringAt("command.output");
    record.response = updates->StringAt("response." + event.node_id).substr(0, kRecordedText);
  }
  return record;
}

void Completed(const Event& event, Traversal& walk, RunState& state) {
  const Json& properties = event.properties;
  const std::string kind = properties.StringAt("handler_type");
  const std::string word = properties.StringAt("status");
  CloseInner(event.stage_id, walk);
  walk.phase = kind == "exit" ? Phase::kFinished : Phase::kCompleted;
  walk.node = event.node_id;
  walk.status = ParseStageStatus(word).value_or(StageStatus::kFailed);
  walk.suggested_next_ids = properties.StringsAt("suggested_next_ids");
  walk.failure.reset();
  walk.question.reset();
  walk.answer.reset();
  const Json* details = properties.Find("details");
  walk.sandbox_lost = details != nullptr && details->BoolAt("sandbox_lost");
  if (walk.status == StageStatus::kFailed) {
    walk.failure = StageFailure{properties.StringAt("error"),
                                ParseFailureClass(properties.StringAt("failure_class"))
                                    .value_or(FailureClass::kDeterministic)};
  }
  walk.completed_nodes.push_back(event.node_id);
  walk.node_outcomes[event.node_id] = word;
  walk.records.push_back(RecordOf(event, kind, word));
  walk.counters->SawSignatures(CountsOf(properties.Find("loop_failure_signatures")));
  ++state.finished_attempts[event.node_id];
  state.fruitless_resumes = 0;
  if (&walk == &state) {
    state.checkpoint_sha.clear();
    state.checkpointed = false;
    state.last_was_start = kind == "start";
  }
  if (const Json* updates = properties.Find("context_updates");
      updates != nullptr && updates->Members() != nullptr) {
    for (const auto& [key, value] : *updates->Members()) walk.context[key] = value;
  }
  if (walk.status != StageStatus::kFailed) {
    walk.node_retries.erase(event.node_id);
    walk.context.erase("internal.retry_count." + event.node_id);
  }
  if (kind == "conditional") return;  // Transparent for routing (3.6).
  walk.context["outcome"] = Json(word);
  SetOrErase(walk.context, "preferred_label", properties.StringAt("preferred_label"));
  const bool failed = walk.failure.has_value();
  SetOrErase(walk.context, "failure_class", failed ? properties.StringAt("failure_class") : "");
  SetOrErase(walk.context, "failure_signature",
             failed ? properties.StringAt("failure_signature") : "");
  if (kind != "start" && kind != "exit") walk.last_work_status = word;
}

void Retrying(const Event& event, Traversal& walk, RunState& state) {
  walk.attempt = static_cast<std::uint32_t>(event.properties.IntAt("attempt", 1));
  const std::uint64_t retries = ++walk.node_retries[event.node_id];
  walk.context["internal.retry_count." + event.node_id] = Json(retries);
  ++state.finished_attempts[event.node_id];
}

// A jump back from the exit is routed without a stage. Only the run's own walk has checkpoints, and
// waits for one before it goes on.
void Routed(const Event& event, Traversal& walk, const RunState& state) {
  const Json& properties = event.properties;
  walk.previous_node = properties.StringAt("from_node");
  walk.next_node = properties.StringAt("to_node");
  walk.entry_fidelity = properties.StringAt("fidelity");
  walk.entry_thread = properties.StringAt("thread_id");
  if (&walk == &state) {
    walk.phase = Phase::kRouted;
    walk.node = walk.previous_node;
  } else {
    walk.phase = Phase::kAtNode;
    walk.node = walk.next_node;
  }
}

// In one transaction with the edge that was chosen (13.4).
void Restarted(const Event& event, Traversal& walk) {
  walk.completed_nodes.clear();
  walk.node_outcomes.clear();
  walk.node_retries.clear();
  walk.records.clear();
  walk.counters->ForgetVisits();
  walk.restart_failure_signatures = CountsOf(event.properties.Find("restart_failure_signatures"));
  ++walk.restarts;
}

void Checkpointed(const Event& event, RunState& state) {
  ++state.checkpoints;
  const std::string sha = event.properties.StringAt("git_commit_sha");
  if (!sha.empty()) state.git_commit_sha = sha;
  state.checkpoint_sha = sha;
  state.checkpointed = true;
  if (state.phase == Phase::kRouted) {
    state.phase = Phase::kAtNode;
    state.node = state.next_node;
  }
}

}  // namespace

std::int64_t UnixMillis(std::string_view text) {
  if (text.size() != 24 || text[23] != 'Z') return 0;
  const auto number = [&](std::size_t at, std::size_t size) {
    int value = 0;
    std::from_chars(text.data() + at, text.data() + at + size, value);
    return value;
  };
  const std::chrono::year_month_day date{std::chrono::year(number(0, 4)),
                                         std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                         std::chrono::day(static_cast<unsigned>(number(8, 2)))};
  if (!date.ok()) return 0;
  const auto time = std::chrono::sys_days(date) + std::chrono::hours(number(11, 2)) +
                    std::chrono::minutes(number(14, 2)) + std::chrono::seconds(number(17, 2)) +
                    std::chrono::milliseconds(number(20, 3));
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

void Apply(const Event& event, RunState& state) {
  if (Traversal* walk = state.Find(event.properties.StringAt("scope"))) {
    if (event.name == "stage.started") {
      Started(event, *walk, state);
    } else if (event.name == "stage.completed") {
      Completed(event, *walk, state);
    } else if (event.name == "stage.retrying") {
      Retrying(event, *walk, state);
    } else if (event.name == "edge.selected") {
      Routed(event, *walk, state);
    } else if (event.name == "loop.restart") {
      Restarted(event, *walk);
    } else if (event.name == "checkpoint.completed") {
      Checkpointed(event, state);
    } else {
      ApplyScopes(event, *walk, state);
    }
  }
  ApplyLife(event, state);
  const std::int64_t now = UnixMillis(event.ts);
  if (state.first_event_ms == 0) state.first_event_ms = now;
  state.last_event_ms = now;
  state.last_seq = event.seq;
}

Json ToCheckpoint(const RunState& state, const std::string& timestamp) {
  Json json;
  json.Set("timestamp", timestamp).Set("current_node", state.node);
  json.Set("next_node_id", state.phase == Phase::kRouted ? Json(state.next_node) : Json());
  json.Set("completed_nodes", Json::Strings(state.completed_nodes));
  json.Set("node_retries", CountsToJson(state.node_retries));
  json.Set("node_outcomes", CountsToJson(state.node_outcomes));
  json.Set("node_visits", CountsToJson(state.counters->Visits()));
  json.Set("context_values", CountsToJson(state.context));
  json.SetIfAny("git_commit_sha", state.git_commit_sha);
  json.Set("loop_failure_signatures", CountsToJson(state.counters->Signatures()));
  json.Set("restart_failure_signatures", CountsToJson(state.restart_failure_signatures));
  json.Set("logs", Json::MakeArray());
  json.Set("stages", Json(state.stages)).Set("last_work_status", state.last_work_status);
  return json;
}

void FromCheckpoint(const Json& checkpoint, RunState& state) {
  state.node = checkpoint.StringAt("current_node");
  const std::string next = checkpoint.StringAt("next_node_id");
  state.phase = next.empty() ? Phase::kFinished : Phase::kAtNode;
  if (!next.empty()) state.node = next;
  state.completed_nodes = checkpoint.StringsAt("completed_nodes");
  state.node_retries = CountsOf(checkpoint.Find("node_retries"));
  state.node_outcomes = WordsOf(checkpoint.Find("node_outcomes"));
  state.counters->SetVisits(CountsOf(checkpoint.Find("node_visits")));
  state.context.clear();
  if (const Json* values = checkpoint.Find("context_values");
      values != nullptr && values->Members() != nullptr) {
    for (const auto& [key, value] : *values->Members()) state.context[key] = value;
  }
  state.git_commit_sha = checkpoint.StringAt("git_commit_sha");
  state.counters->SawSignatures(CountsOf(checkpoint.Find("loop_failure_signatures")));
  state.restart_failure_signatures = CountsOf(checkpoint.Find("restart_failure_signatures"));
  state.stages = static_cast<std::uint64_t>(checkpoint.IntAt("stages"));
  state.last_work_status = checkpoint.StringAt("last_work_status");
}

Result<RunState> Replay(store::EventStore& events) {
  RunState state;
  for (std::uint64_t after = 0;;) {
    const std::vector<Event> page = TRY(events.Read(after, kPage));
    if (page.empty()) return state;
    for (const Event& event : page) Apply(event, state);
    after = page.back().seq;
  }
}

}  // namespace fabro::workflow
