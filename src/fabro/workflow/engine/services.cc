#include "fabro/workflow/engine/services.h"

#include <chrono>
#include <utility>

#include "fabro/workflow/engine/preamble.h"
#include "fabro/workflow/graph/attributes.h"

namespace fabro::workflow {
namespace {

using model::Json;

constexpr std::size_t kShownOutput = 2000;  // Bytes of the stage before, with a gate's question.

std::int64_t UnixNow(Clock& clock) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock.WallNow().time_since_epoch())
      .count();
}

bool IsSame(Question a, const Question& b) {
  a.id = b.id;
  a.metadata = b.metadata;
  return a == b;
}

// The end of a text, from the beginning of a line.
std::string Ending(const std::string& text, std::size_t limit) {
  if (text.size() <= limit) return text;
  const std::size_t newline = text.find('\n', text.size() - limit);
  return newline == std::string::npos ? std::string() : text.substr(newline + 1);
}

}  // namespace

std::optional<std::string> Engine::Services::Text(std::string_view key) const {
  const Json value = Value(key);
  if (value.IsNull()) return std::nullopt;
  if (value.String() != nullptr && store::IsBlobReference(*value.String())) {
    auto bytes = engine_.deps_.blobs.Get(*value.String());
    return bytes.ok() ? *std::move(bytes) : std::string();
  }
  return value.ToText();
}

Json Engine::Services::Value(std::string_view key) const {
  return engine_.log_.Look([&](const RunState&) {
    const auto found = engine_.state_.context.find(std::string(key));
    return found == engine_.state_.context.end() ? Json() : found->second;
  });
}

Status Engine::Services::Emit(std::string name, Json properties) {
  return engine_.log_.Store(engine_.StageEvent(std::move(name), node_, std::move(properties)));
}

std::uint64_t Engine::Services::FinishedAttempts() const {
  return engine_.log_.Look([&](const RunState& run) {
    const auto found = run.finished_attempts.find(node_.id);
    return found == run.finished_attempts.end() ? 0 : found->second;
  });
}

std::string Engine::Services::Preamble() const {
  const std::string fidelity = engine_.FidelityOf(node_);
  return engine_.log_.Look([&](const RunState&) {
    return BuildPreamble({.fidelity = fidelity,
                          .goal = engine_.plan_->goal,
                          .run_id = engine_.config_.run.value(),
                          .walk = engine_.state_,
                          .blobs = engine_.deps_.blobs});
  });
}

StageServices::Slept Engine::Services::Sleep(Nanos span) {
  const EventLog::Waiting waiting(engine_.log_);
  if (engine_.deps_.sleeper.Sleep(span, engine_.control_.stop_fd())) return Slept::kWhole;
  const bool cancelled = engine_.control_.cancelled() != CancelReason::kNone;
  return cancelled ? Slept::kCancelled : Slept::kSuspended;
}

Result<bool> Engine::Services::MayCallModel() {
  TRY(engine_.WarnOfBudget());
  auto end = engine_.BudgetEnd();
  if (!end) return true;
  if (end->kind == RunEnd::Kind::kFailed) {
    return Failure(Code::kResourceExhausted, end->message, "budget_exhausted");
  }
  engine_.inner_end_ = std::move(end);
  return false;
}

// --- Questions -----------------------------------------------------------------------------------

void Engine::Services::ShowWhatCameBefore(Question& question) const {
  const auto& records = engine_.state_.records;
  for (auto record = records.rbegin(); record != records.rend(); ++record) {
    if (record->kind == "start" || record->kind == "conditional" || record->kind == "human") {
      continue;
    }
    std::string text = record->response;
    if (text.empty() && store::IsBlobReference(record->output)) {
      auto bytes = engine_.deps_.blobs.Get(record->output);
      if (bytes.ok()) text = *std::move(bytes);
    } else if (text.empty()) {
      text = record->output;
    }
    question.metadata.Set("previous_stage", record->node);
    question.metadata.SetIfAny("previous_output", Ending(text, kShownOutput));
    return;
  }
}

// Stores `interview.started`, under the id of an earlier worker's question when it is the same.
Result<Question> Engine::Services::Pose(Question question, std::optional<Answer>& recorded) {
  const AskedBefore before = std::exchange(engine_.asked_before_, {});
  if (before.question && IsSame(question, QuestionOf(*before.question))) {
    question = QuestionOf(*before.question);
    if (before.answer) {
      recorded = AnswerOf(question, *before.answer);
      if (recorded) recorded->by = before.answer->StringAt("by");
      if (recorded) return question;
    }
  }
  TRY(engine_.log_.StoreFrom([&](const RunState& run) {
    if (question.id.empty()) question.id = "q-" + std::to_string(run.questions + 1);
    std::vector<model::Event> events;
    events.push_back(engine_.StageEvent("interview.started", node_, ToJson(question)));
    return events;
  }));
  return question;
}

Status Engine::Services::Record(const Question& question, const Answer& answer) {
  const std::int64_t span = UnixNow(engine_.deps_.clock) - engine_.state_.asked_ms;
  Json properties;
  properties.Set("question_id", question.id).Set("kind", question.kind);
  properties.Set("question", question.text);
  properties.Set("duration_ms", std::max<std::int64_t>(span, 0));
  if (answer.kind == Answer::Kind::kTimeout) {
    return Emit("interview.timeout", std::move(properties));
  }
  properties.Set("answer", ToJson(answer)).SetIfAny("by", answer.by);
  return Emit("interview.completed", std::move(properties));
}

Result<Answer> Engine::Services::WaitFor(const Question& question) {
  Answer nobody;
  nobody.by = "nobody";
  if (engine_.deps_.interviews == nullptr) return nobody;
  Deadline deadline;
  if (question.timeout_ms > 0) {
    const std::int64_t since = UnixNow(engine_.deps_.clock) - engine_.state_.asked_ms;
    const std::int64_t left = std::max<std::int64_t>(question.timeout_ms - since, 0);
    deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(left);
  }
  const EventLog::Waiting waiting(engine_.log_);
  for (;;) {
    Interviews::Posted posted;
    const auto wake = TRY(
        engine_.deps_.interviews->Wait(question.id, deadline, engine_.control_.stop_fd(), posted));
    if (wake == Interviews::Wake::kTimeout) {
      nobody.kind = Answer::Kind::kTimeout;
      return nobody;
    }
    if (wake == Interviews::Wake::kStopped) {
      if (engine_.control_.cancelled() != CancelReason::kNone) return nobody;
      return Failure(Code::kCancelled, "the worker ends before the answer", "suspended");
    }
    auto answer = AnswerOf(question, posted.answer);
    if (answer) {
      answer->by = posted.by;
      TRY(Record(question, *answer));
    } else {
      TRY(engine_.log_.Notice(
          "warn", "answer_rejected",
          "an answer to " + question.id + " by " + posted.by + " fits none of its options"));
    }
    if (engine_.deps_.answer_taken) engine_.deps_.answer_taken(posted.item);
    if (answer) return *std::move(answer);
  }
}

Result<Answer> Engine::Services::Ask(Question question) {
  const std::lock_guard lock(asking_);
  if (question.kind == "gate") ShowWhatCameBefore(question);
  std::optional<Answer> recorded;
  question = TRY(Pose(std::move(question), recorded));
  if (recorded) return *std::move(recorded);
  const bool approves =
      question.kind == "gate" && (engine_.config_.auto_approve || engine_.config_.dry_run);
  if (approves) {
    Answer approved = Approve(question);
    TRY(Record(question, approved));
    return approved;
  }
  Answer answer = TRY(WaitFor(question));
  const bool unrecorded = answer.kind == Answer::Kind::kTimeout || answer.by == "nobody";
  if (unrecorded) TRY(Record(question, answer));
  return answer;
}

Result<std::optional<bool>> Engine::AskToRerun(const Node& node) {
  Question question;
  question.type = "yes_no";
  question.text = "Stage " + state_.stage_id + " was interrupted. Run it again?";
  question.options = {{"Y", "Yes", ""}, {"N", "No", ""}};
  asked_before_ = {.question = state_.question, .answer = state_.answer};
  Services services(*this, node);
  auto answer = services.Ask(std::move(question));
  if (answer.ok())
    return std::optional(answer->kind == Answer::Kind::kSelected && answer->key == "Y");
  if (answer.error().reason == "suspended") return std::optional<bool>();
  return std::move(answer).error();
}

// --- Calling handlers ----------------------------------------------------------------------------

Result<StageOutcome> Engine::CallHandler(const Node& node) {
  if (node.kind == NodeKind::kParallel) return RunParallel(node);
  if (node.kind == NodeKind::kManagerLoop) return RunChild(node);
  auto timeout = GetDuration(node.attributes, "timeout");
  if (!timeout.ok()) return StageOutcome::Failed(timeout.error().message);
  Services services(*this, node);
  const std::uint64_t seq = log_.Look([](const RunState& run) { return run.last_seq; });
  const std::uint64_t index = state_.index;
  const StageTask task{
      .graph = graph_,
      .node = node,
      .stage_id = state_.stage_id,
      .visit = state_.visit,
      .attempt = state_.attempt,
      .timeout = *timeout,
      .sandbox = deps_.sandbox,
      .dry_run = config_.dry_run,
      .cancel_fd = control_.cancel_fd(),
      // The sequence number keeps ids apart over resumes.
      .exec_id = config_.run.value() + "/" + std::to_string(index) + "." + std::to_string(seq),
      .output =
          [this, index](provider::Stream stream, std::string_view bytes) {
            log_.Touch();
            return deps_.output.Append(index, stream, bytes);
          },
      .services = &services,
      .index = &index_,
      .goal = plan_->goal,
      .fidelity = FidelityOf(node),
      .thread_key = ThreadOf(node),
      .began_ms = state_.began_ms,
      .now_ms = UnixNow(deps_.clock)};
  return deps_.handlers.at(node.kind)->Run(task);
}

}  // namespace fabro::workflow
