// Budgets of a run (workflow language, 13.5): one account, whatever walks draw on it.
#include <algorithm>
#include <chrono>
#include <utility>

#include "fabro/workflow/engine/engine.h"

namespace fabro::workflow {
namespace {

using model::Json;

constexpr double kWarnAt = 0.8;

struct Account {
  std::int64_t wall_ms = 0;
  std::int64_t tokens = 0;
  double cost = 0;
  bool warned = false;
};

struct Spent {
  std::string_view limit;  // "wall", "tokens", "cost_usd".
  Json used;
  Json max;
  std::string text;
};

Account AccountOf(const EventLog& log, Clock& clock) {
  return log.Look([&](const RunState& run) {
    Account account{.wall_ms = run.active_ms,
                    .tokens = run.tokens_used,
                    .cost = run.cost_used,
                    .warned = run.budget_warned};
    if (run.spell_began_ms != 0) {
      const auto now =
          std::chrono::duration_cast<std::chrono::milliseconds>(clock.WallNow().time_since_epoch());
      account.wall_ms += std::max<std::int64_t>(now.count() - run.spell_began_ms, 0);
    }
    return account;
  });
}

// The first budget of which `share` is spent.
std::optional<Spent> SpentOf(const EngineConfig& config, const Account& account, double share) {
  if (config.wall_budget) {
    const auto max = std::chrono::duration_cast<std::chrono::milliseconds>(*config.wall_budget);
    if (static_cast<double>(account.wall_ms) >= share * static_cast<double>(max.count())) {
      return Spent{"wall", Json(account.wall_ms), Json(std::int64_t{max.count()}),
                   "the wall budget of " + fabro::ToString(*config.wall_budget)};
    }
  }
  if (config.token_budget &&
      static_cast<double>(account.tokens) >= share * static_cast<double>(*config.token_budget)) {
    return Spent{"tokens", Json(account.tokens), Json(*config.token_budget),
                 "the budget of " + std::to_string(*config.token_budget) + " tokens"};
  }
  if (config.cost_budget && account.cost >= share * *config.cost_budget) {
    return Spent{"cost_usd", Json(account.cost), Json(*config.cost_budget),
                 "the budget of " + Json(*config.cost_budget).ToText() + " US dollars"};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Nanos> Engine::WallLeft() const {
  if (!config_.wall_budget) return std::nullopt;
  return *config_.wall_budget - std::chrono::milliseconds(AccountOf(log_, deps_.clock).wall_ms);
}

std::optional<RunEnd> Engine::BudgetEnd() const {
  auto spent = SpentOf(config_, AccountOf(log_, deps_.clock), 1.0);
  if (!spent) return std::nullopt;
  RunEnd end{.kind = config_.fail_on_budget ? RunEnd::Kind::kFailed : RunEnd::Kind::kPaused,
             .partially = false,
             .reason = config_.fail_on_budget ? "budget_exhausted" : "budget",
             .message = spent->text + " is spent"};
  end.budget.Set("limit", spent->limit).Set("used", std::move(spent->used));
  end.budget.Set("max", std::move(spent->max));
  return end;
}

// Once, at 80 %.
Status Engine::WarnOfBudget() {
  const Account account = AccountOf(log_, deps_.clock);
  if (account.warned) return {};
  const auto spent = SpentOf(config_, account, kWarnAt);
  if (!spent) return {};
  return log_.Notice("warn", "budget_warning",
                     spent->used.ToText() + " of " + spent->text + " is spent");
}

}  // namespace fabro::workflow
