// Why a call to a model failed, as a type. An Error of this room carries the kind as its `reason`
// ("llm_rate_limit"), so that it passes through Result<T> like any other. Spec: agent 6.7.
#pragma once

#include <string>
#include <string_view>

#include "fabro/base/error.h"

namespace fabro::llm {

enum class ErrorKind {
  kAuthentication,
  kAccessDenied,
  kNotFound,
  kInvalidRequest,
  kTimeout,  // The whole call took too long, or the server said 408.
  kContextLength,
  kRateLimit,
  kQuotaExceeded,
  kServer,
  kContentFilter,
  kNetwork,  // No answer began: name, connection, TLS, or it ended before the first event.
  kStream,   // It broke off, hung or turned to garbage after output began (agent 2.1).
  kCanceled,
  kInvalidToolCall,
  kTooLarge,       // The answer has more bytes or parts than anybody can use.
  kUnsupported,    // The provider cannot do what the request asks.
  kConfiguration,  // No key, unknown provider, bad base URL.
  kUnknown,
};

// "llm_rate_limit"; what Error::reason holds.
std::string_view ReasonOf(ErrorKind kind);
// By reason; kUnknown for an Error of another room.
ErrorKind KindOf(const Error& error);

// An Error of that kind, with the Code that belongs to it.
Error CallFailure(ErrorKind kind, std::string message, std::string fix = {},
                  std::source_location where = std::source_location::current());

// The table of agent 6.7.
bool MayRetry(ErrorKind kind);     // The same provider, after a while.
bool MayFailOver(ErrorKind kind);  // The next of the fallbacks.
// The workflow's class of failure: "deterministic", "transient_infra", "budget_exhausted",
// "canceled".
std::string_view FailureClassOf(ErrorKind kind);

// "rate_limit", "server", "auth", …: the short words of scripts and of the catalogue of errors.
// False: no such word.
bool KindByWord(std::string_view word, ErrorKind& kind);

}  // namespace fabro::llm
