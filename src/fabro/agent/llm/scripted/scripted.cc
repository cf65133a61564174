#include "fabro/agent/llm/scripted/scripted.h"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "fabro/linux/poll.h"

namespace fabro::llm {
namespace {

constexpr std::string_view kProvider = "scripted";
constexpr std::size_t kChunk = 24;  // Bytes of a delta, about.

// As providers stream: a few bytes at a time, never a part of a character.
std::vector<std::string_view> Chunks(std::string_view text) {
  std::vector<std::string_view> chunks;
  while (!text.empty()) {
    std::size_t size = std::min(kChunk, text.size());
    while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) ++size;
    chunks.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return chunks;
}

std::int64_t Tokens(std::size_t characters) {
  return static_cast<std::int64_t>((characters + 3) / 4);
}

std::size_t SizeOf(const Message& message) {
  std::size_t size = 0;
  for (const Part& part : message.parts) {
    if (const auto* text = std::get_if<TextPart>(&part)) size += text->text.size();
    if (const auto* call = std::get_if<ToolCallPart>(&part)) size += call->arguments.size();
    if (const auto* result = std::get_if<ToolResultPart>(&part)) size += result->content.size();
    if (const auto* reasoning = std::get_if<ReasoningPart>(&part)) size += reasoning->text.size();
  }
  return size;
}

// Four characters a token, as the agent's own estimate has it: the same request costs the same.
Usage Estimate(const Request& request, const Message& answer) {
  std::size_t input = 0;
  for (const Message& message : request.messages) input += SizeOf(message);
  return Usage{.input_tokens = Tokens(input),
               .output_tokens = Tokens(SizeOf(answer)),
               .reasoning_tokens = {},
               .cache_read_tokens = {},
               .cache_write_tokens = {}};
}

Message MessageOf(const ScriptTurn& turn, const Request& request, const std::string& prefix) {
  Message message{.role = Role::kAssistant,
                  .parts = {},
                  .provider = std::string(kProvider),
                  .model = request.model};
  if (!turn.reasoning.empty()) {
    message.parts.emplace_back(ReasoningPart{
        .text = turn.reasoning, .signature = "scripted", .id = {}, .redacted = false});
  }
  if (!turn.text.empty()) message.parts.emplace_back(TextPart{turn.text});
  for (const ScriptTurn::Tool& tool : turn.tools) {
    message.parts.emplace_back(
        ToolCallPart{.id = prefix + "_" + std::to_string(message.parts.size()),
                     .name = tool.name,
                     .arguments = tool.arguments,
                     .signature = {}});
  }
  return message;
}

Status StreamPart(const Part& part, std::size_t index, const Sink& sink) {
  if (const auto* text = std::get_if<TextPart>(&part)) {
    for (const auto chunk : Chunks(text->text)) {
      TRY(Emit(sink, TextDelta{.index = index, .text = std::string(chunk)}));
    }
  } else if (const auto* reasoning = std::get_if<ReasoningPart>(&part)) {
    for (const auto chunk : Chunks(reasoning->text)) {
      TRY(Emit(sink, ReasoningDelta{.index = index, .text = std::string(chunk)}));
    }
  } else if (const auto* call = std::get_if<ToolCallPart>(&part)) {
    TRY(Emit(sink, ToolCallStart{.index = index, .id = call->id, .name = call->name}));
    for (const auto chunk : Chunks(call->arguments)) {
      TRY(Emit(sink, ToolCallDelta{.index = index, .arguments = std::string(chunk)}));
    }
  }
  return Emit(sink, PartEnd{.index = index});
}

Error Canceled() { return CallFailure(ErrorKind::kCanceled, "the call was cancelled"); }

FinishReason FinishOf(const ScriptTurn& turn) {
  if (turn.finish.has_value()) return *turn.finish;
  return turn.tools.empty() ? FinishReason::kStop : FinishReason::kToolCalls;
}

ScriptTurn Saying(std::string text) {
  ScriptTurn turn;
  turn.text = std::move(text);
  return turn;
}

}  // namespace

const ScriptEntry* Scripted::EntryOf(const Caller& caller) const {
  auto found = script_->nodes.find(caller.node);
  if (found == script_->nodes.end()) found = script_->nodes.find("*");
  if (found == script_->nodes.end() || found->second.empty()) return nullptr;
  const std::size_t last = found->second.size() - 1;
  return &found->second[std::min<std::size_t>(caller.attempts, last)];
}

Scripted::Step Scripted::Next(const Request& request) {
  const Caller& caller = request.caller;
  // A summary or a probe is not a turn of the stage and moves nothing.
  if (request.purpose == Purpose::kSummary) {
    return {.turn = Saying("Summary of the conversation so far."), .fails = false, .number = 0};
  }
  if (request.purpose == Purpose::kProbe) {
    return {.turn = Saying("ok"), .fails = false, .number = 0};
  }
  const std::scoped_lock lock(mutex_);
  Position& at = positions_[{caller.node, caller.attempts, caller.agent}];
  Step step{.turn = {}, .fails = false, .number = ++at.calls};
  const ScriptEntry* entry = EntryOf(caller);
  if (entry == nullptr) {
    step.turn = Saying(unscripted_ == Unscripted::kOk
                           ? "ok"
                           : "Simulated answer of " + caller.node + " (dry run).");
    return step;
  }
  if (at.turn >= entry->turns.size()) {
    const ScriptTurn& last = entry->turns.back();
    step.turn = Saying(last.text.empty() ? "ok" : last.text);
    return step;
  }
  step.turn = entry->turns[at.turn];
  step.fails = step.turn.error.has_value() &&
               (!step.turn.error_times.has_value() || at.errors < *step.turn.error_times);
  if (step.fails) {
    ++at.errors;
  } else {
    ++at.turn;
    at.errors = 0;
  }
  return step;
}

Result<Response> Scripted::Call(const Request& request, const Sink& sink, int cancel_fd,
                                CallInfo& info) {
  if (cancel_fd >= 0) {
    const short ready = TRY(PollOne(cancel_fd, POLLIN, std::chrono::steady_clock::now()));
    if (ready != 0) return Canceled();
  }
  const Step step = Next(request);
  if (step.turn.hang) {
    if (cancel_fd < 0) return CallFailure(ErrorKind::kTimeout, "the scripted model hangs");
    TRY(PollOne(cancel_fd, POLLIN));
    return Canceled();
  }
  const std::string prefix = "call_" + std::to_string(step.number);
  Message message = MessageOf(step.fails ? Saying(step.turn.partial) : step.turn, request, prefix);
  const bool silent = step.fails && message.parts.empty();
  if (!silent) {
    TRY(Emit(sink,
             StreamStart{.id = "scripted_" + std::to_string(step.number), .model = request.model}));
    for (std::size_t i = 0; i < message.parts.size(); ++i) {
      TRY(StreamPart(message.parts[i], i, sink));
    }
  }
  if (step.fails) {
    info.retry_after = step.turn.retry_after;
    const ErrorKind kind = *step.turn.error;
    return CallFailure(kind, "the scripted model fails with " + std::string(ReasonOf(kind)));
  }
  Response response;
  response.id = "scripted_" + std::to_string(step.number);
  response.provider = kProvider;
  response.model = request.model;
  response.finish = FinishOf(step.turn);
  response.raw_finish = ToString(response.finish);
  response.usage = step.turn.usage.has_value() ? *step.turn.usage : Estimate(request, message);
  response.cost_usd = step.turn.cost_usd;
  response.message = std::move(message);
  return response;
}

}  // namespace fabro::llm
