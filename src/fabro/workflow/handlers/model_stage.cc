#include "fabro/workflow/handlers/model_stage.h"

#include <utility>

#include "fabro/workflow/graph/attributes.h"

namespace fabro::workflow {
namespace {

using model::Json;

constexpr std::size_t kShortResponse = 200;  // Characters of `last_response`.

// The first `count` characters; never cut inside one.
std::string First(std::string_view text, std::size_t count) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if ((static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) continue;
    if (count-- == 0) break;
  }
  return std::string(text.substr(0, at));
}

// An attribute by its name, or by the one that it had before.
std::string Either(const Attributes& attributes, std::string_view name, std::string_view old) {
  const std::string_view value = attributes.Text(name);
  return std::string(value.empty() ? attributes.Text(old) : value);
}

Result<agent::ModelChoice> ChoiceOf(const StageTask& task) {
  const Attributes& attributes = task.node.attributes;
  agent::ModelChoice choice;
  choice.model = Either(attributes, "model", "llm_model");
  choice.provider = Either(attributes, "provider", "llm_provider");
  choice.reasoning_effort = attributes.Text("reasoning_effort");
  choice.speed = attributes.Text("speed");
  choice.max_tokens = TRY(GetInt(attributes, "max_tokens"));
  choice.graph_model = task.graph.attributes.Text("default_model");
  choice.graph_provider = task.graph.attributes.Text("default_provider");
  return choice;
}

std::string PromptOf(const StageTask& task) {
  std::string_view own = task.node.attributes.Text("prompt");
  if (own.find_first_not_of(" \t\r\n") == std::string_view::npos) own = task.node.Label();
  std::string prompt = task.services->Preamble();
  if (!prompt.empty()) prompt += prompt.ends_with('\n') ? "\n" : "\n\n";
  return prompt.append(own);
}

void Connect(agent::StageRequest& request, const StageTask& task) {
  request.node = task.node.id;
  request.stage_id = task.stage_id;
  request.finished_attempts = task.services->FinishedAttempts();
  request.dry_run = task.dry_run;
  request.prompt = PromptOf(task);
  request.thread_key = task.thread_key;
  request.sandbox = task.sandbox;
  request.cancel_fd = task.cancel_fd;
  request.exec_id = task.exec_id;
  request.timeout = task.timeout;
  request.event = [&task](std::string name, Json properties) {
    return task.services->Emit(std::move(name), std::move(properties));
  };
  request.delta = [&task](std::string_view, const Json&) { task.services->Touch(); };
  request.output = [&task](bool is_stderr, std::string_view bytes) {
    return task.output(is_stderr ? provider::Stream::kStderr : provider::Stream::kStdout, bytes);
  };
  request.may_call = [&task]() -> Status {
    const bool may = TRY(task.services->MayCallModel());
    if (may) return {};
    return Failure(Code::kCancelled, "a budget is spent", "suspended");
  };
}

StageOutcome OfError(const agent::Agents& agents, const Error& error) {
  if (error.reason == "suspended") return StageOutcome::Suspended();
  const auto known = ParseFailureClass(agents.FailureClass(error));
  return StageOutcome::Failed(error.ToString(), known.value_or(FailureClass::kDeterministic));
}

void Follow(const agent::Directives& directives, StageOutcome& outcome) {
  if (directives.outcome == "failed") {
    const std::string why = directives.failure_reason.empty() ? "the model reported a failure"
                                                              : directives.failure_reason;
    outcome.status = StageStatus::kFailed;
    outcome.failure = StageFailure{.message = why};
  } else if (directives.outcome == "retry") {
    outcome.retry_requested = true;
  } else if (const auto status = ParseStageStatus(directives.outcome)) {
    outcome.status = *status;
  }
  outcome.preferred_label = directives.preferred_next_label;
  outcome.suggested_next_ids = directives.suggested_next_ids;
  outcome.notes = directives.notes;
  if (const Json::Object* updates = directives.context_updates.Members()) {
    for (const auto& [key, value] : *updates) outcome.context_updates[key] = value;
  }
}

}  // namespace

StageOutcome RunModelStage(agent::Agents& agents, agent::StageRequest request,
                           const StageTask& task) {
  auto choice = ChoiceOf(task);
  if (!choice.ok()) return StageOutcome::Failed(choice.error().message);
  request.choice = *std::move(choice);
  Connect(request, task);
  const auto answer = agents.Run(request);
  if (!answer.ok()) return OfError(agents, answer.error());
  StageOutcome outcome;
  if (answer->directives) Follow(*answer->directives, outcome);
  for (const std::string& warning : answer->warnings) {
    Json notice;
    notice.Set("level", "warn").Set("code", "agent").Set("message", warning);
    const Status told = task.services->Emit("run.notice", std::move(notice));
    if (!told.ok()) return StageOutcome::Failed(told.error().ToString());
  }
  outcome.usage = answer->usage;
  if (!request.choice.reasoning_effort.empty()) {
    outcome.usage.Set("reasoning_effort", request.choice.reasoning_effort);
  }
  outcome.response = answer->text;
  outcome.files_touched = answer->files_touched;
  outcome.context_updates["last_stage"] = Json(task.node.id);
  outcome.context_updates["last_response"] = Json(First(answer->text, kShortResponse));
  outcome.context_updates["response." + task.node.id] = Json(answer->text);
  outcome.details.SetIfAny("model", answer->model).SetIfAny("provider", answer->provider);
  return outcome;
}

}  // namespace fabro::workflow
