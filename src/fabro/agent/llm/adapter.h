// What a provider implements: one call on its wire, never repeated (agent 6.1). Retries, fail-over
// and cost are the client's (client.h), which needs a little more than an Error to decide them.
#pragma once

#include <chrono>
#include <optional>

#include "fabro/agent/llm/model.h"

namespace fabro::llm {

struct CallInfo {
  std::optional<std::chrono::milliseconds> retry_after{};  // As the server asked for.
  int http_status = 0;                                     // 0: there was no answer.
};

class Adapter : public Model {
 public:
  // `info` is filled whether the call succeeds or not. Thread-safe, as Generate is.
  virtual Result<Response> Call(const Request& request, const Sink& sink, int cancel_fd,
                                CallInfo& info) = 0;

  Result<Response> Generate(const Request& request, const Sink& sink, int cancel_fd) final {
    CallInfo info;
    return Call(request, sink, cancel_fd, info);
  }
};

// Gives `event` to `sink` unless that is empty.
inline Status Emit(const Sink& sink, StreamEvent event) { return sink ? sink(event) : Status{}; }

}  // namespace fabro::llm
