// What a run's events say of its life: spells, budgets, ends.
#include <algorithm>

#include "fabro/workflow/engine/state.h"

namespace fabro::workflow {
namespace {

using model::Event;
using model::Json;

double NumberAt(const Json& json, std::string_view key) {
  const Json* value = json.Find(key);
  if (value == nullptr) return 0;
  if (const double* real = value->Double()) return *real;
  const std::int64_t* whole = value->Int();
  return whole == nullptr ? 0 : static_cast<double>(*whole);
}

// Time up to the last event before this one counts as running; what a dead worker did after its
// last event is not known.
void EndSpell(RunState& state, std::int64_t until_ms) {
  if (state.spell_began_ms != 0 && until_ms > state.spell_began_ms) {
    state.active_ms += until_ms - state.spell_began_ms;
  }
  state.spell_began_ms = 0;
}

void RaiseBudget(const Json& budget, RunState& state) {
  state.wall_budget_ms = budget.IntAt("wall_ms", state.wall_budget_ms);
  state.token_budget = budget.IntAt("tokens", state.token_budget);
  if (const double cost = NumberAt(budget, "cost_usd"); cost > 0) state.cost_budget = cost;
  state.budget_warned = false;
}

void Resumed(const Event& event, RunState& state) {
  ++state.resumes;
  if (const Json* budget = event.properties.Find("budget")) RaiseBudget(*budget, state);
  ++state.fruitless_resumes;
  state.cancel_requested = false;
  state.open_questions.clear();  // They are asked again.
  // A person who continues a run that had failed wants the stage that failed it to be tried again.
  // So does one whose sandbox was lost under it, even when the worker died before it could say so.
  if ((state.ended || state.sandbox_lost) && state.phase == Phase::kCompleted) {
    state.phase = Phase::kAtNode;
    state.sandbox_lost = false;
    state.counters->ForgetSignatures();
  }
  state.ended = false;
  state.spell_began_ms = UnixMillis(event.ts);
}

void Used(const Event& event, RunState& state) {
  const Json* usage = event.properties.Find("usage");
  if (usage == nullptr) return;
  state.tokens_used += usage->IntAt("input_tokens") + usage->IntAt("output_tokens");
  state.cost_used += NumberAt(*usage, "cost_usd");
}

void Noticed(const Event& event, RunState& state) {
  const std::string code = event.properties.StringAt("code");
  if (code == "cancel_requested") state.cancel_requested = true;
  if (code == "cost_unknown") state.cost_unknown = true;
  if (code == "budget_warning") state.budget_warned = true;
}

}  // namespace

void ApplyLife(const Event& event, RunState& state) {
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
  } else if (event.name == "run.notice") {
    Noticed(event, state);
  } else if (event.name == "agent.message") {
    Used(event, state);
  } else if (event.name == "interview.started") {
    EndSpell(state, now);  // A run that waits for a person is blocked, not running.
  } else if (event.name == "interview.completed" || event.name == "interview.timeout") {
    if (state.open_questions.empty()) state.spell_began_ms = now;
  }
}

}  // namespace fabro::workflow
