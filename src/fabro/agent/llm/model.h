// The interface to language models: one blocking call, which streams what comes to a sink and gives
// the whole response at its end. The agent loop knows this and no provider.
//
// A Model may be called from several threads at once. Spec: agent 6.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "fabro/agent/llm/error.h"
#include "fabro/agent/llm/message.h"
#include "fabro/base/result.h"

namespace fabro::llm {

// Tokens as billed, the same meaning for all providers: `input` holds neither cache reads nor cache
// writes, `output` holds reasoning. Spec: agent 6.5.
struct Usage {
  std::int64_t input_tokens = 0;
  std::int64_t output_tokens = 0;
  std::optional<std::int64_t> reasoning_tokens{};  // Part of output_tokens.
  std::optional<std::int64_t> cache_read_tokens{};
  std::optional<std::int64_t> cache_write_tokens{};
  std::int64_t total() const {
    return input_tokens + output_tokens + cache_read_tokens.value_or(0) +
           cache_write_tokens.value_or(0);
  }
  Usage& operator+=(const Usage& other);  // An optional stays unset only if both are.
  friend bool operator==(const Usage&, const Usage&) = default;
};

enum class FinishReason { kStop, kLength, kToolCalls, kContentFilter, kError, kOther };
std::string_view ToString(FinishReason reason);  // "tool_calls".

// What the provider's headers said about its limits; absent: nothing.
struct RateLimit {
  std::optional<std::int64_t> requests_remaining{};
  std::optional<std::int64_t> tokens_remaining{};
  friend bool operator==(const RateLimit&, const RateLimit&) = default;
};

struct Response {
  std::string id{};
  std::string provider{};  // Who answered, after fail-over and aliases.
  std::string model{};
  Message message{};  // Role kAssistant, provider and model set: append it to the history as it is.
  FinishReason finish = FinishReason::kStop;
  std::string raw_finish{};  // The provider's word.
  Usage usage{};
  std::optional<double> cost_usd{};  // By the catalog's prices; absent: the model has none there.
  RateLimit rate_limit{};
  std::vector<std::string> warnings{};  // "reasoning effort xhigh lowered to high", …
};

// --- What a sink sees while a call goes on, in order. `index` is the part's place in
// Response::message.parts; parts may be open side by side. ---

struct StreamStart {
  std::string id{};
  std::string model{};
};
struct TextDelta {
  std::size_t index = 0;
  std::string text{};  // Whole UTF-8 characters.
};
struct ReasoningDelta {
  std::size_t index = 0;
  std::string text{};
};
struct ToolCallStart {
  std::size_t index = 0;
  std::string id{};
  std::string name{};
};
struct ToolCallDelta {
  std::size_t index = 0;
  std::string arguments{};  // The next bytes of the arguments' JSON text.
};
struct PartEnd {
  std::size_t index = 0;
};
// The provider is alive and said nothing of use (a ping, hidden reasoning): for watchdogs.
struct Activity {};
// A call failed and is made again after `delay`. Nothing of the failed one was streamed.
struct RetryNotice {
  std::string provider{};
  std::string model{};
  int attempt = 0;  // Of the retry: 1 is the first.
  std::chrono::milliseconds delay{};
  Error error{};
};
// The next of the fallbacks takes over, for good.
struct FailoverNotice {
  std::string from_provider{};
  std::string from_model{};
  std::string to_provider{};
  std::string to_model{};
  Error error{};
};

using StreamEvent = std::variant<StreamStart, TextDelta, ReasoningDelta, ToolCallStart,
                                 ToolCallDelta, PartEnd, Activity, RetryNotice, FailoverNotice>;

// An Error ends the call, and is what the call returns. Called on the caller's thread.
using Sink = std::function<Status(const StreamEvent&)>;

class Model {
 public:
  virtual ~Model() = default;

  // Blocks until the response is whole. An empty sink asks for it in one piece (no stream on the
  // wire). `cancel_fd` readable means cancel (kCanceled); -1: never; not owned. Errors: error.h.
  // After kStream the caller has seen a part of an answer that will not be completed.
  virtual Result<Response> Generate(const Request& request, const Sink& sink, int cancel_fd) = 0;
};

}  // namespace fabro::llm
