#include "fabro/workflow/engine/state.h"

#include <charconv>
#include <chrono>

namespace fabro::workflow {
namespace {

using model::Event;
using model::Json;

constexpr std::size_t kPage = 512;  // Events read at once.

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

void Started(const Event& event, RunState& state) {
  const Json& properties = event.properties;
  const auto attempt = static_cast<std::uint32_t>(properties.IntAt("attempt", 1));
  // A first attempt is a new visit; a further attempt or a rerun belongs to the one in flight.
  const bool same_visit = state.phase == Phase::kInFlight && state.node == event.node_id;
  if (!same_visit) {
    ++state.node_visits[event.node_id];
    ++state.stages;
  }
  state.phase = Phase::kInFlight;
  state.node = event.node_id;
  state.attempt = attempt;
  state.context["current_node"] = Json(event.node_id);
  state.context["internal.node_visit_count"] = Json(state.node_visits[event.node_id]);
}

void Completed(const Event& event, RunState& state) {
  const Json& properties = event.properties;
  const std::string kind = properties.StringAt("handler_type");
  const std::string word = properties.StringAt("status");
  state.phase = kind == "exit" ? Phase::kFinished : Phase::kCompleted;
  state.node = event.node_id;
  state.status = ParseStageStatus(word).value_or(StageStatus::kFailed);
  state.suggested_next_ids = properties.StringsAt("suggested_next_ids");
  state.failure.reset();
  const Json* details = properties.Find("details");
  state.sandbox_lost = details != nullptr && details->BoolAt("sandbox_lost");
  if (state.status == StageStatus::kFailed) {
    state.failure = StageFailure{properties.StringAt("error"),
                                 ParseFailureClass(properties.StringAt("failure_class"))
                                     .value_or(FailureClass::kDeterministic)};
  }
  state.completed_nodes.push_back(event.node_id);
  state.node_outcomes[event.node_id] = word;
  state.checkpoint_sha.clear();
  state.checkpointed = false;
  state.last_was_start = kind == "start";
  state.fruitless_resumes = 0;
  state.loop_failure_signatures = CountsOf(properties.Find("loop_failure_signatures"));
  if (const Json* updates = properties.Find("context_updates");
      updates != nullptr && updates->Members() != nullptr) {
    for (const auto& [key, value] : *updates->Members()) state.context[key] = value;
  }
  if (state.status != StageStatus::kFailed) {
    state.node_retries.erase(event.node_id);
    state.context.erase("internal.retry_count." + event.node_id);
  }
  if (kind == "conditional") return;  // Transparent for routing (3.6).
  state.context["outcome"] = Json(word);
  SetOrErase(state.context, "preferred_label", properties.StringAt("preferred_label"));
  const bool failed = state.failure.has_value();
  SetOrErase(state.context, "failure_class", failed ? properties.StringAt("failure_class") : "");
  SetOrErase(state.context, "failure_signature",
             failed ? properties.StringAt("failure_signature") : "");
  if (kind != "start" && kind != "exit") state.last_work_status = word;
}

void Retrying(const Event& event, RunState& state) {
  state.attempt = static_cast<std::uint32_t>(event.properties.IntAt("attempt", 1));
  const std::uint64_t retries = ++state.node_retries[event.node_id];
  state.context["internal.retry_count." + event.node_id] = Json(retries);
}

// A jump back from the exit is routed without a stage.
void Routed(const Event& event, RunState& state) {
  state.phase = Phase::kRouted;
  state.node = event.properties.StringAt("from_node");
  state.next_node = event.properties.StringAt("to_node");
}

void Resumed(const Event& event, RunState& state) {
  ++state.resumes;
  if (const Json* budget = event.properties.Find("budget")) {
    state.wall_budget_ms = budget->IntAt("wall_ms", state.wall_budget_ms);
  }
  ++state.fruitless_resumes;
  state.cancel_requested = false;
  // A person who continues a run that had failed wants the stage that failed it to be tried again.
  // So does one whose sandbox was lost under it, even when the worker died before it could say so.
  if ((state.ended || state.sandbox_lost) && state.phase == Phase::kCompleted) {
    state.phase = Phase::kAtNode;
    state.sandbox_lost = false;
    state.loop_failure_signatures.clear();
  }
  state.ended = false;
  state.spell_began_ms = UnixMillis(event.ts);
}

// Time up to the last event before this one counts as running; what a dead worker did after its
// last event is not known.
void EndSpell(RunState& state, std::int64_t until_ms) {
  if (state.spell_began_ms != 0 && until_ms > state.spell_began_ms) {
    state.active_ms += until_ms - state.spell_began_ms;
  }
  state.spell_began_ms = 0;
}

void LifeEvent(const Event& event, RunState& state) {
  const std::int64_t now = UnixMillis(event.ts);
  if (event.name == "run.started") {
    state.started = true;
    state.spell_began_ms = now;
  } else if (event.name == "run.resumed") {
    EndSpell(state, state.last_event_ms);
    Resumed(event, state);
  } else if (event.name == "run.paused") {
    EndSpell(state, now);
    state.fruitless_resumes = 0;  // A pause is no failure of a resume.
  } else if (event.name == "run.completed" || event.name == "run.failed") {
    EndSpell(state, now);
    state.ended = true;
    state.succeeded = event.name == "run.completed";
  } else if (event.name == "run.notice" &&
             event.properties.StringAt("code") == "cancel_requested") {
    state.cancel_requested = true;
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
  if (event.name == "stage.started") {
    Started(event, state);
  } else if (event.name == "stage.completed") {
    Completed(event, state);
  } else if (event.name == "stage.retrying") {
    Retrying(event, state);
  } else if (event.name == "edge.selected") {
    Routed(event, state);
  } else if (event.name == "checkpoint.completed") {
    ++state.checkpoints;
    const std::string sha = event.properties.StringAt("git_commit_sha");
    if (!sha.empty()) state.git_commit_sha = sha;
    state.checkpoint_sha = sha;
    state.checkpointed = true;
    if (state.phase == Phase::kRouted) {
      state.phase = Phase::kAtNode;
      state.node = state.next_node;
    }
  } else {
    LifeEvent(event, state);
  }
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
  json.Set("node_visits", CountsToJson(state.node_visits));
  json.Set("context_values", CountsToJson(state.context));
  json.SetIfAny("git_commit_sha", state.git_commit_sha);
  json.Set("loop_failure_signatures", CountsToJson(state.loop_failure_signatures));
  json.Set("restart_failure_signatures", Json::MakeObject());  // Of loop_restart edges, not built.
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
  state.node_visits = CountsOf(checkpoint.Find("node_visits"));
  state.context.clear();
  if (const Json* values = checkpoint.Find("context_values");
      values != nullptr && values->Members() != nullptr) {
    for (const auto& [key, value] : *values->Members()) state.context[key] = value;
  }
  state.git_commit_sha = checkpoint.StringAt("git_commit_sha");
  state.loop_failure_signatures = CountsOf(checkpoint.Find("loop_failure_signatures"));
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
