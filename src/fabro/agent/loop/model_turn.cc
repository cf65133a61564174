// One turn of the model: the request, the stream, what breaks and is tried again.
#include <string>
#include <utility>

#include "fabro/agent/loop/session.h"

namespace fabro::agent {

using llm::ErrorKind;
using model::Json;

namespace {

constexpr int kStreamRetries = 3;
// Of one message. A model that says more is broken or hostile; its own limits are far below.
constexpr std::size_t kMaxText = std::size_t{4} << 20U;
constexpr std::size_t kMaxArguments = std::size_t{16} << 20U;

Json UsageJson(const llm::Response& response) {
  const llm::Usage& usage = response.usage;
  Json json;
  json.Set("input_tokens", usage.input_tokens).Set("output_tokens", usage.output_tokens);
  json.Set("total_tokens", usage.total());
  if (usage.reasoning_tokens) json.Set("reasoning_tokens", *usage.reasoning_tokens);
  if (usage.cache_read_tokens) json.Set("cache_read_tokens", *usage.cache_read_tokens);
  if (usage.cache_write_tokens) json.Set("cache_write_tokens", *usage.cache_write_tokens);
  if (response.cost_usd) json.Set("cost_usd", *response.cost_usd);
  return json;
}

// True: something was cut away.
bool Bound(llm::Message& message) {
  bool cut = false;
  for (llm::Part& part : message.parts) {
    if (auto* text = std::get_if<llm::TextPart>(&part); text && text->text.size() > kMaxText) {
      text->text = Truncate(std::move(text->text), {.characters = kMaxText / 4});
      cut = true;
    }
    auto* call = std::get_if<llm::ToolCallPart>(&part);
    if (call != nullptr && call->arguments.size() > kMaxArguments) {
      call->arguments.resize(kMaxArguments);  // It will not parse, and the model is told.
      cut = true;
    }
  }
  return cut;
}

std::string CutOff(const std::string& text) {
  return "[The connection broke while you were answering. Your answer so far, which the user has "
         "seen, was:]\n" +
         text + "\n[Continue exactly where it stops, without repeating it.]";
}

void Prepend(const std::string& text, llm::Message& message) {
  for (llm::Part& part : message.parts) {
    if (auto* own = std::get_if<llm::TextPart>(&part)) {
      own->text.insert(0, text);
      return;
    }
  }
  message.parts.insert(message.parts.begin(), llm::TextPart{text});
}

}  // namespace

llm::Request Session::MakeRequest(const SubmitIo& io) const {
  llm::Request request;
  request.model = config_.model;
  request.provider = config_.provider;
  if (!config_.system_prompt.empty()) {
    request.messages.push_back(llm::TextMessage(llm::Role::kSystem, config_.system_prompt));
  }
  for (llm::Message& message : history_.Messages()) request.messages.push_back(std::move(message));
  for (const Tool& tool : tools_.tools()) {
    request.tools.push_back(
        {.name = tool.name, .description = tool.description, .parameters = tool.parameters.Dump()});
  }
  request.reasoning_effort = config_.reasoning_effort;
  request.speed = config_.speed;
  request.max_tokens = config_.max_tokens;
  request.caller = io.caller;
  return request;
}

Status Session::OnStream(const llm::StreamEvent& event, const SubmitIo& io, std::string& text) {
  if (const auto* delta = std::get_if<llm::TextDelta>(&event)) {
    if (text.empty()) TRY(Emit(io, "agent.output.start", Json::MakeObject(), true));
    if (text.size() < kMaxText) text += delta->text;
    return Emit(io, "agent.text.delta", Json::MakeObject().Set("delta", delta->text), true);
  }
  if (const auto* delta = std::get_if<llm::ReasoningDelta>(&event)) {
    return Emit(io, "agent.reasoning.delta", Json::MakeObject().Set("delta", delta->text), true);
  }
  if (const auto* retry = std::get_if<llm::RetryNotice>(&event)) {
    Json properties;
    properties.Set("provider", retry->provider).Set("model", retry->model);
    properties.Set("attempt", retry->attempt).Set("error", retry->error.message);
    properties.Set("delay_secs", static_cast<double>(retry->delay.count()) / 1000.0);
    return Emit(io, "agent.llm.retry", std::move(properties));
  }
  if (const auto* failover = std::get_if<llm::FailoverNotice>(&event)) {
    Json properties;
    properties.Set("from_provider", failover->from_provider);
    properties.Set("from_model", failover->from_model).Set("to_provider", failover->to_provider);
    properties.Set("to_model", failover->to_model).Set("error", failover->error.message);
    return Emit(io, "agent.failover", std::move(properties));
  }
  if (io.touch) io.touch();
  return {};
}

// A stream that broke is taken up again where it stopped (agent, section 2.1).
Result<llm::Response> Session::CallModel(llm::Request request, const SubmitIo& io) {
  const std::size_t said = request.messages.size();
  std::string before;  // Of the broken streams.
  for (int attempt = 0;; ++attempt) {
    std::string text;
    auto response = model_->Generate(
        request, [&](const llm::StreamEvent& event) { return OnStream(event, io, text); },
        io.cancel_fd);
    if (response.ok()) {
      if (!before.empty()) Prepend(before, response->message);
      return response;
    }
    if (llm::KindOf(response.error()) != ErrorKind::kStream || attempt >= kStreamRetries) {
      return response;
    }
    before += text;
    Json warning;
    warning.Set("kind", "stream_broken").Set("message", response.error().message);
    TRY(Emit(io, "agent.warning", std::move(warning)));
    TRY(Emit(io, "agent.output.replace", Json::MakeObject().Set("text", before), true));
    request.messages.resize(said);
    if (!before.empty()) {
      request.messages.push_back(llm::TextMessage(llm::Role::kUser, CutOff(before)));
    }
  }
}

void Session::Count(const llm::Response& response) {
  AddUsage(response.usage, response.cost_usd);
  const std::lock_guard lock(mutex_);
  answer_.provider = response.provider;
  answer_.model = response.model;
}

Result<llm::Response> Session::NextTurn(const SubmitIo& io) {
  for (bool compacted = false;;) {
    if (io.may_call) TRY(io.may_call());
    auto response = CallModel(MakeRequest(io), io);
    if (!response.ok()) {
      if (llm::KindOf(response.error()) != ErrorKind::kContextLength || compacted) {
        return response;
      }
      compacted = true;
      TRY(Compact(io));
      continue;
    }
    ++turns_;
    ++answer_.turns;
    Count(*response);
    const bool cut = Bound(response->message);
    history_.Add(Turn::Kind::kAssistant, response->message);
    Json message;
    message.Set("text", llm::TextOf(response->message)).Set("model", response->model);
    message.SetIfAny("provider", response->provider).Set("usage", UsageJson(*response));
    message.Set("tool_call_count", llm::ToolCallsOf(response->message).size());
    TRY(Emit(io, "agent.message", std::move(message)));
    if (cut) response->warnings.emplace_back("the message was too long and was cut");
    for (const std::string& warning : response->warnings) {
      TRY(Emit(io, "agent.warning",
               Json::MakeObject().Set("kind", "model").Set("message", warning)));
    }
    if (response->finish == llm::FinishReason::kContentFilter) {
      return llm::CallFailure(ErrorKind::kContentFilter,
                              "the provider's content filter ended the answer");
    }
    return response;
  }
}

}  // namespace fabro::agent
