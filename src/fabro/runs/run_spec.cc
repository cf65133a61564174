#include "fabro/runs/run_spec.h"

#include "fabro/codec/json/json.h"

namespace fabro::runs {
namespace {

using model::Json;

constexpr std::int64_t kFormat = 1;

Json FromMap(const std::map<std::string, std::string>& map) {
  Json json = Json::MakeObject();
  for (const auto& [key, value] : map) json.Set(key, value);
  return json;
}

std::map<std::string, std::string> ToMap(const Json* json) {
  std::map<std::string, std::string> map;
  if (json == nullptr || json->Members() == nullptr) return map;
  for (const auto& [key, value] : *json->Members()) map[key] = value.ToText();
  return map;
}

Json FromSpan(const std::optional<Nanos>& span) {
  return span ? Json(static_cast<std::int64_t>(span->count())) : Json();
}

std::optional<Nanos> ToSpan(const Json& json, std::string_view key) {
  const Json* found = json.Find(key);
  const std::int64_t* count = found != nullptr ? found->Int() : nullptr;
  return count != nullptr ? std::optional(Nanos(*count)) : std::nullopt;
}

Json FromSteps(const std::vector<PrepareStep>& steps) {
  Json json = Json::MakeArray();
  for (const PrepareStep& step : steps) {
    Json one;
    one.Set("script", step.script).Set("command", Json::Strings(step.command));
    one.Set("env", FromMap(step.env));
    one.Set("timeout_ns", static_cast<std::int64_t>(step.timeout.count()));
    json.Push(std::move(one));
  }
  return json;
}

std::vector<PrepareStep> ToSteps(const Json* json) {
  std::vector<PrepareStep> steps;
  if (json == nullptr || json->Items() == nullptr) return steps;
  for (const Json& one : *json->Items()) {
    PrepareStep step;
    step.script = one.StringAt("script");
    step.command = one.StringsAt("command");
    step.env = ToMap(one.Find("env"));
    step.timeout = ToSpan(one, "timeout_ns").value_or(step.timeout);
    steps.push_back(std::move(step));
  }
  return steps;
}

Json ObjectAt(const Json& json, std::string_view key) {
  const Json* found = json.Find(key);
  return found != nullptr && found->Members() != nullptr ? *found : Json::MakeObject();
}

}  // namespace

std::string EncodeSpec(const RunSpec& spec) {
  Json json;
  json.Set("format", kFormat).Set("run_id", spec.id.value()).Set("created_at", spec.created_at);
  json.Set("workflow", spec.workflow).Set("workflow_path", spec.workflow_path);
  json.Set("graph_source", spec.graph_source).Set("files", FromMap(spec.files));
  json.Set("goal", spec.goal).Set("inputs", spec.inputs).Set("labels", FromMap(spec.labels));
  json.Set("environment", spec.environment);
  json.Set("environment_settings", spec.environment_settings).Set("settings", spec.settings);
  json.Set("source_directory", spec.source_directory).Set("working_dir", spec.working_dir);
  json.Set("prepare", FromSteps(spec.prepare));
  json.Set("artifacts_include", Json::Strings(spec.artifacts_include));
  json.Set("result_limit", spec.result_limit.bytes()).Set("events_jsonl", spec.events_jsonl);
  json.Set("wall_budget_ns", FromSpan(spec.wall_budget));
  if (spec.token_budget) json.Set("token_budget", *spec.token_budget);
  if (spec.cost_budget) json.Set("cost_budget", *spec.cost_budget);
  json.Set("fail_on_budget", spec.fail_on_budget).Set("auto_approve", spec.auto_approve);
  json.Set("stall_timeout_ns", FromSpan(spec.stall_timeout));
  json.Set("auto_resume", spec.auto_resume).Set("dry_run", spec.dry_run);
  json.Set("in_place", spec.in_place).Set("preserve_sandbox", spec.preserve_sandbox);
  return json.Dump();
}

Result<RunSpec> DecodeSpec(std::string_view text) {
  const Json json = TRY_IN("reading the run's bundle", codec::ParseJson(text));
  if (json.IntAt("format") != kFormat) {
    return Failure(Code::kFailedPrecondition, "the run's bundle has another format",
                   "run_bundle_invalid", "use the version of fabro that made the run");
  }
  RunSpec spec;
  spec.id = RunId(json.StringAt("run_id"));
  spec.created_at = json.StringAt("created_at");
  spec.workflow = json.StringAt("workflow");
  spec.workflow_path = json.StringAt("workflow_path");
  spec.graph_source = json.StringAt("graph_source");
  spec.files = ToMap(json.Find("files"));
  spec.goal = json.StringAt("goal");
  spec.inputs = ObjectAt(json, "inputs");
  spec.labels = ToMap(json.Find("labels"));
  spec.environment = json.StringAt("environment");
  spec.environment_settings = ObjectAt(json, "environment_settings");
  spec.settings = ObjectAt(json, "settings");
  spec.source_directory = json.StringAt("source_directory");
  spec.working_dir = json.StringAt("working_dir");
  spec.prepare = ToSteps(json.Find("prepare"));
  spec.artifacts_include = json.StringsAt("artifacts_include");
  spec.result_limit = ByteSize(static_cast<std::uint64_t>(
      json.IntAt("result_limit", static_cast<std::int64_t>(spec.result_limit.bytes()))));
  spec.events_jsonl = json.BoolAt("events_jsonl");
  spec.wall_budget = ToSpan(json, "wall_budget_ns");
  if (const std::int64_t tokens = json.IntAt("token_budget"); tokens > 0) {
    spec.token_budget = tokens;
  }
  if (const Json* cost = json.Find("cost_budget")) {
    if (const double* real = cost->Double()) spec.cost_budget = *real;
    if (const std::int64_t* whole = cost->Int()) spec.cost_budget = static_cast<double>(*whole);
  }
  spec.fail_on_budget = json.BoolAt("fail_on_budget");
  spec.auto_approve = json.BoolAt("auto_approve");
  spec.stall_timeout = ToSpan(json, "stall_timeout_ns");
  spec.auto_resume = json.BoolAt("auto_resume", true);
  spec.dry_run = json.BoolAt("dry_run");
  spec.in_place = json.BoolAt("in_place");
  spec.preserve_sandbox = json.BoolAt("preserve_sandbox");
  if (!IsUlid(spec.id.value()) || spec.graph_source.empty()) {
    return Failure(Code::kInvalidArgument, "the run's bundle lacks run_id or graph_source",
                   "run_bundle_invalid");
  }
  return spec;
}

}  // namespace fabro::runs
