#include "fabro/agent/llm/wire/exchange.h"

#include <charconv>
#include <utility>

namespace fabro::llm {
namespace {

constexpr std::size_t kMaxErrorBody = 64 * 1024;

std::optional<std::int64_t> NumberIn(const http::Headers& headers, std::string_view name) {
  const std::string* text = http::FindHeader(headers, name);
  if (text == nullptr) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  return value;
}

RateLimit RateLimitOf(const http::Headers& headers) {
  RateLimit limit;
  limit.requests_remaining = NumberIn(headers, "anthropic-ratelimit-requests-remaining");
  if (!limit.requests_remaining) {
    limit.requests_remaining = NumberIn(headers, "x-ratelimit-remaining-requests");
  }
  limit.tokens_remaining = NumberIn(headers, "anthropic-ratelimit-tokens-remaining");
  if (!limit.tokens_remaining) {
    limit.tokens_remaining = NumberIn(headers, "x-ratelimit-remaining-tokens");
  }
  return limit;
}

// The failure of the transport as one of the call. A failure of a handler (the sink's, the
// decoder's) came through it and stays what it is.
Error FromTransport(Error error, const std::string& provider, bool began) {
  const std::string& reason = error.reason;
  if (!reason.starts_with("http_") && !reason.starts_with("sse_")) return error;
  ErrorKind kind = began ? ErrorKind::kStream : ErrorKind::kNetwork;
  if (reason == "http_canceled") kind = ErrorKind::kCanceled;
  if (reason == "http_total_timeout") kind = ErrorKind::kTimeout;
  if (reason == "http_idle_timeout" && !began) kind = ErrorKind::kTimeout;
  if (reason == "http_body_too_large" || reason == "sse_event_too_large") {
    kind = ErrorKind::kTooLarge;
  }
  if (reason == "http_url_invalid" || reason == "http_header_invalid") {
    kind = ErrorKind::kConfiguration;
  }
  Error failure = CallFailure(kind, error.message, error.fix, error.where);
  failure.context = std::move(error.context);
  failure.In(provider);
  return failure;
}

// What comes back, as it comes back.
struct Answer {
  enum class Form { kEvents, kWhole, kError };
  Form form = Form::kWhole;
  http::Head head{};
  std::string body{};  // Whole answers and errors.
};

Answer::Form FormOf(const http::Head& head, bool stream) {
  if (head.status < 200 || head.status > 299) return Answer::Form::kError;
  const std::string* type = http::FindHeader(head.headers, "content-type");
  // A server that does not know how to stream answers in one piece.
  const bool json = type != nullptr && type->starts_with("application/json");
  return stream && !json ? Answer::Form::kEvents : Answer::Form::kWhole;
}

}  // namespace

std::string VersionedUrl(std::string_view base, std::string_view version, std::string_view path) {
  while (base.ends_with('/')) base.remove_suffix(1);
  std::string url(base);
  const std::string_view last = base.substr(base.find_last_of('/') + 1);
  const bool versioned = last.size() >= 2 && last[0] == 'v' && last[1] >= '0' && last[1] <= '9';
  if (!versioned) url += "/" + std::string(version);
  return url + std::string(path);
}

Result<Response> Exchange(http::Client& client, const Endpoint& endpoint, Post post,
                          Decoder& decoder, int cancel_fd, CallInfo& info, Clock& clock) {
  http::Request request{.method = "POST",
                        .url = std::move(post.url),
                        .headers = {{.name = "content-type", .value = "application/json"}},
                        .body = std::move(post.body),
                        .timeouts = endpoint.timeouts};
  if (!post.stream && !request.timeouts.total) request.timeouts.total = endpoint.whole_answer;
  const auto add = [&request](const http::Headers& headers) {
    request.headers.insert(request.headers.end(), headers.begin(), headers.end());
  };
  add(post.headers);
  add(endpoint.headers);
  Answer answer;
  http::SseParser events;
  const http::Handlers handlers{
      .head = [&](const http::Head& head) -> Status {
        info.http_status = head.status;
        answer.head = head;
        answer.form = FormOf(head, post.stream);
        return {};
      },
      .body = [&](std::string_view bytes) -> Status {
        if (answer.form == Answer::Form::kEvents) {
          return events.Feed(bytes, [&](const http::SseEvent& e) { return decoder.Event(e); });
        }
        if (answer.form == Answer::Form::kWhole) {
          answer.body.append(bytes);
        } else if (answer.body.size() < kMaxErrorBody) {
          answer.body.append(bytes.substr(0, kMaxErrorBody - answer.body.size()));
        }
        return {};
      }};
  Result<http::Response> sent = client.Send(request, handlers, cancel_fd);
  const bool canceled = !sent.ok() && sent.error().reason == "http_canceled";
  // A status of failure is known even when its explanation did not come whole.
  if (answer.form == Answer::Form::kError && !canceled) {
    info.retry_after = RetryAfterOf(answer.head.headers, answer.body, clock);
    return ErrorOfAnswer(endpoint.provider, answer.head.status, answer.body, endpoint.key);
  }
  if (!sent.ok()) {
    return FromTransport(std::move(sent).error(), endpoint.provider, decoder.began());
  }
  if (answer.form == Answer::Form::kWhole) TRY_IN(endpoint.provider, decoder.Whole(answer.body));
  Response response = TRY_IN(endpoint.provider, decoder.Finish());
  response.rate_limit = RateLimitOf(answer.head.headers);
  return response;
}

}  // namespace fabro::llm
