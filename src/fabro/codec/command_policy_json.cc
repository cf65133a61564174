#include "fabro/codec/command_policy_json.h"

namespace fabro::codec {

using model::Json;

Json ToJson(const model::PolicyDecision& decision, bool commands) {
  Json json = Json::MakeObject()
                  .Set("guardrail", true)
                  .Set("mode", model::ToString(decision.mode))
                  .Set("verdict", model::ToString(decision.verdict));
  json.SetIfAny("rule", decision.rule).SetIfAny("why", decision.why);
  json.Set("refused", decision.refused);
  if (!commands) return json;
  Json list = Json::MakeArray();
  for (const model::PolicyCommand& command : decision.commands) {
    Json one = Json::MakeObject().Set("words", Json::Strings(command.words));
    one.SetIfAny("via", command.via).Set("verdict", model::ToString(command.verdict));
    one.SetIfAny("rule", command.rule).SetIfAny("why", command.why);
    list.Push(std::move(one));
  }
  return json.Set("commands", std::move(list)).Set("commands_dropped", decision.commands_dropped);
}

Json ToJson(const model::CommandPolicy& policy) {
  return Json::MakeObject()
      .Set("mode", model::ToString(policy.mode))
      .Set("preset", model::ToString(policy.preset))
      .Set("blocked", Json::Strings(policy.blocked))
      .Set("allowed", Json::Strings(policy.allowed))
      .Set("on_indeterminate", model::ToString(policy.on_indeterminate))
      .Set("allow_workspace_binaries", policy.allow_workspace_binaries)
      .Set("blocked_env_vars", Json::Strings(policy.blocked_env_vars))
      .Set("max_command_length", policy.max_command_length)
      .Set("max_env_value_length", policy.max_env_value_length);
}

}  // namespace fabro::codec
