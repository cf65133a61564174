#include "fabro/agent/loop/session.h"

#include <chrono>
#include <utility>

#include "fabro/base/id.h"

namespace fabro::agent {

using model::Json;

namespace {

std::string NewId() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return MakeUuidV7(std::chrono::duration_cast<std::chrono::milliseconds>(now), RandomBytes(10));
}

}  // namespace

Session::Session(llm::Model& model, provider::Sandbox& sandbox, Toolbox tools,
                 std::shared_ptr<Permissions> permissions, SessionConfig config,
                 const ReadSet& read)
    : id_(NewId()),
      model_(&model),
      read_(read),
      place_(sandbox, read_),
      tools_(std::move(tools)),
      permissions_(std::move(permissions)),
      config_(std::move(config)),
      repetition_(config_.loop_window) {}

Status Session::Emit(const SubmitIo& io, std::string name, Json properties, bool delta) {
  if (!io.events) return {};
  properties.Set("session_id", id_);
  const std::lock_guard one(emitting_);
  return io.events({.name = std::move(name), .properties = std::move(properties), .delta = delta});
}

Result<Answer> Session::Submit(std::string input, const SubmitIo& io) {
  {
    const std::lock_guard lock(mutex_);
    answer_ = Answer{};
  }
  TRY(Emit(io, "agent.session.started",
           Json::MakeObject().Set("model", config_.model).SetIfAny("provider", config_.provider)));
  Result<Answer> answer = Work(input, io);
  for (;;) {
    std::string next;
    {
      const std::lock_guard lock(mutex_);
      if (!answer.ok() || follow_ups_.empty()) break;
      next = std::move(follow_ups_.front());
      follow_ups_.pop_front();
    }
    answer = Work(next, io);
  }
  if (!answer.ok()) {
    // The store may be what failed: then this cannot be told either.
    (void)Emit(io, "agent.error",
               Json::MakeObject()
                   .Set("error", answer.error().message)
                   .SetIfAny("reason", answer.error().reason));
  }
  const Status told = Emit(io, "agent.session.ended", Json::MakeObject());
  if (answer.ok() && !told.ok()) return told.error();
  return answer;
}

Result<Answer> Session::Work(const std::string& input, const SubmitIo& io) {
  history_.AddText(Turn::Kind::kUser, input);
  TRY(Emit(io, "agent.input", Json::MakeObject().Set("text", input)));
  std::uint64_t rounds = 0;
  for (;;) {
    TRY(DeliverSteering(io));
    const bool turns_spent = config_.max_turns > 0 && turns_ >= config_.max_turns;
    if (turns_spent || (config_.max_rounds > 0 && rounds >= config_.max_rounds)) {
      answer_.end = turns_spent ? Answer::End::kTurnLimit : Answer::End::kRoundLimit;
      const std::uint64_t most = turns_spent ? config_.max_turns : config_.max_rounds;
      TRY(Emit(io, "agent.turn.limit", Json::MakeObject().Set("max_turns", most)));
      break;
    }
    const llm::Response response = TRY(NextTurn(io));
    const std::string text = llm::TextOf(response.message);
    const std::size_t calls = llm::ToolCallsOf(response.message).size();
    if (calls == 0 || !text.empty()) answer_.text = text;
    TRY(CheckContext(io));
    if (calls == 0) break;
    TRY(RunCalls(response, io));
    ++rounds;
  }
  TRY(Emit(io, "agent.processing.end", Json::MakeObject()));
  const std::lock_guard lock(mutex_);
  return answer_;
}

void Session::Steer(std::string text) {
  const std::lock_guard lock(mutex_);
  steering_.push_back(std::move(text));
}

void Session::FollowUp(std::string text) {
  const std::lock_guard lock(mutex_);
  follow_ups_.push_back(std::move(text));
}

Status Session::DeliverSteering(const SubmitIo& io) {
  std::deque<std::string> queued;
  {
    const std::lock_guard lock(mutex_);
    queued.swap(steering_);
  }
  for (std::string& text : queued) {
    TRY(Emit(io, "agent.steering.injected", Json::MakeObject().Set("text", text)));
    history_.AddText(Turn::Kind::kSteering, std::move(text));
  }
  return {};
}

std::vector<std::string> Session::Touched() const {
  const std::lock_guard lock(mutex_);
  return {touched_.begin(), touched_.end()};
}

void Session::AddTouched(const std::vector<std::string>& paths) {
  const std::lock_guard lock(mutex_);
  touched_.insert(paths.begin(), paths.end());
}

void Session::AddUsage(const llm::Usage& usage, std::optional<double> cost) {
  const std::lock_guard lock(mutex_);
  answer_.usage += usage;
  if (cost) answer_.cost_usd = answer_.cost_usd.value_or(0) + *cost;
}

}  // namespace fabro::agent
