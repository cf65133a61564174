// One call over HTTP, the same for all wire formats: the request is sent, the answer goes to the
// format's decoder in pieces or whole, and what went wrong becomes an Error of its kind.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "fabro/agent/llm/adapter.h"
#include "fabro/base/clock.h"
#include "fabro/http/client.h"
#include "fabro/http/sse.h"

namespace fabro::llm {

// Where a provider is and who we are there.
struct Endpoint {
  std::string provider;     // Its id: "anthropic", "my-vllm".
  std::string base_url;     // Without a slash at its end.
  std::string key;          // Empty: none is sent. Never in a message of an Error.
  http::Headers headers{};  // Sent besides.
  http::Timeouts timeouts{};
  std::chrono::nanoseconds whole_answer = std::chrono::seconds(120);  // Limit without streaming.
};

// A wire format's side of an answer. Errors are of kind kStream unless the provider named one.
class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual Status Event(const http::SseEvent& event) = 0;
  virtual Status Whole(std::string_view body) = 0;
  // After the last byte; kStream when the answer was not complete.
  virtual Result<Response> Finish() = 0;
  // Whether content has come.
  virtual bool began() const = 0;
};

struct Post {
  std::string url;  // Whole.
  http::Headers headers{};
  std::string body;  // JSON.
  bool stream = false;
};

// Sends and decodes. `clock` is for Retry-After dates.
Result<Response> Exchange(http::Client& client, const Endpoint& endpoint, Post post,
                          Decoder& decoder, int cancel_fd, CallInfo& info,
                          Clock& clock = RealClock());

// The Error for an answer with `status` (0: an error event within a stream) and `body`, which may
// be anything. `key` is taken out of the message.
Error ErrorOfAnswer(const std::string& provider, int status, std::string_view body,
                    std::string_view key);

// "retry-after-ms", "retry-after" (seconds or a date, RFC 9110 10.2.3), or Google's retryDelay in
// the body; none of them: nothing.
std::optional<std::chrono::milliseconds> RetryAfterOf(const http::Headers& headers,
                                                      std::string_view body, Clock& clock);

// `base` + "/v1" + `path`, unless `base` ends in a version ("/v1", "/v1beta", "/paas/v4") already.
std::string VersionedUrl(std::string_view base, std::string_view version, std::string_view path);

}  // namespace fabro::llm
